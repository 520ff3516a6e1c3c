use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many bytes what a run finds may take, where nothing limits its memory: all of
/// the run then stays below 512 MB.
const ROOM: usize = 192 << 20;

/// How many bytes what a run finds in logs may take: less where the address space is
/// limited (`ulimit -v`). The limit of a service (`MemoryMax`) is not seen from within.
#[must_use]
pub fn memory_room() -> usize {
    let Rlimit { current, .. } = getrlimit(Resource::As);
    let limit = current.and_then(|bytes| usize::try_from(bytes / 4).ok());
    limit.map_or(ROOM, |limit| limit.min(ROOM))
}

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
