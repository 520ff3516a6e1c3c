use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process open as many files as it may at all. A service and a
/// shell may have only 1024 at once unless they ask: all logs of a rule are
/// open together.
pub fn allow_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: maximum,
        maximum,
    };
    // With fewer, the files that can not be opened are named.
    let _ = setrlimit(Resource::Nofile, most);
}
