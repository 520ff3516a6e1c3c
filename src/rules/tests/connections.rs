//! What sshd says of one connection, whole: a failed login is at most two
//! failures and at least one, a good one none.

use super::samples::{Plain, clock};

/// How many failures, and the messages.
const CONNECTIONS: &[(usize, &[&str])] = &[
    // A password for an account.
    (
        2,
        &[
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root",
            "Failed password for root from 203.0.113.9 port 4242 ssh2",
            "Connection closed by authenticating user root 203.0.113.9 port 4242 [preauth]",
        ],
    ),
    // The same, and a polite good-bye.
    (
        2,
        &[
            "Failed password for root from 203.0.113.9 port 4242 ssh2",
            "Received disconnect from 203.0.113.9 port 4242:11: Bye Bye [preauth]",
            "Disconnected from authenticating user root 203.0.113.9 port 4242 [preauth]",
        ],
    ),
    // A password for nobody.
    (
        2,
        &[
            "Invalid user bob from 203.0.113.9 port 4242",
            "pam_unix(sshd:auth): check pass; user unknown",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9 ",
            "Failed password for invalid user bob from 203.0.113.9 port 4242 ssh2",
            "Received disconnect from 203.0.113.9 port 4242:11: Bye Bye [preauth]",
            "Disconnected from invalid user bob 203.0.113.9 port 4242 [preauth]",
        ],
    ),
    // A password for an account that may not log in.
    (
        2,
        &[
            "User bob from 203.0.113.9 not allowed because listed in DenyUsers",
            "Failed password for invalid user bob from 203.0.113.9 port 4242 ssh2",
            "Connection closed by invalid user bob 203.0.113.9 port 4242 [preauth]",
        ],
    ),
    // The right key for root, where root may not log in.
    (
        2,
        &[
            "ROOT LOGIN REFUSED FROM 203.0.113.9 port 4242",
            "Failed publickey for root from 203.0.113.9 port 4242 ssh2: RSA SHA256:abc",
            "Connection closed by authenticating user root 203.0.113.9 port 4242 [preauth]",
        ],
    ),
    // Through PAM's questions, an account.
    (
        2,
        &[
            "error: PAM: Authentication failure for root from 203.0.113.9",
            "Connection closed by authenticating user root 203.0.113.9 port 4242 [preauth]",
        ],
    ),
    // Through PAM's questions, nobody.
    (
        2,
        &[
            "Invalid user bob from 203.0.113.9 port 4242",
            "error: PAM: User not known to the underlying authentication module for illegal user bob from 203.0.113.9",
            "Failed keyboard-interactive/pam for invalid user bob from 203.0.113.9 port 4242 ssh2",
            "Connection closed by invalid user bob 203.0.113.9 port 4242 [preauth]",
        ],
    ),
    // A server that takes keys only.
    (
        1,
        &["Connection closed by authenticating user root 203.0.113.9 port 4242 [preauth]"],
    ),
    // The same, ended by asking for another user.
    (
        1,
        &[
            "Disconnecting authenticating user root 203.0.113.9 port 4242: Change of username or service not allowed: (root,ssh-connection) -> (x,ssh-connection) [preauth]",
        ],
    ),
    // A password for an account, ended by asking for another service.
    (
        2,
        &[
            "Failed password for root from 203.0.113.9 port 4242 ssh2",
            "Disconnecting authenticating user root 203.0.113.9 port 4242: bad service request x [preauth]",
        ],
    ),
    // A password for nobody, ended by asking for another user.
    (
        2,
        &[
            "Invalid user bob from 203.0.113.9 port 4242",
            "Failed password for invalid user bob from 203.0.113.9 port 4242 ssh2",
            "Disconnecting invalid user bob 203.0.113.9 port 4242: Change of username or service not allowed: (bob,ssh-connection) -> (x,ssh-connection) [preauth]",
        ],
    ),
    // A user, or nobody, whom the administrator refuses.
    (
        1,
        &["administratively prohibited connection for root from 203.0.113.9 port 4242"],
    ),
    (
        1,
        &[
            "Invalid user bob from 203.0.113.9 port 4242",
            "administratively prohibited connection for invalid user bob from 203.0.113.9 port 4242",
        ],
    ),
    // Six keys of an agent, for an account.
    (
        1,
        &[
            "Failed publickey for git from 203.0.113.9 port 4242 ssh2: RSA SHA256:abc",
            "Failed publickey for git from 203.0.113.9 port 4242 ssh2: RSA SHA256:def",
            "error: maximum authentication attempts exceeded for git from 203.0.113.9 port 4242 ssh2 [preauth]",
            "Disconnecting authenticating user git 203.0.113.9 port 4242: Too many authentication failures [preauth]",
        ],
    ),
    // No login at all.
    (
        1,
        &[
            "error: kex_exchange_identification: client sent invalid protocol identifier \"GET / HTTP/1.0\"",
            "banner exchange: Connection from 203.0.113.9 port 4242: invalid format",
        ],
    ),
    (
        1,
        &[
            "Unable to negotiate with 203.0.113.9 port 4242: no matching cipher found. Their offer: 3des-cbc [preauth]",
        ],
    ),
    // A good login after a key that did not fit.
    (
        0,
        &[
            "Failed publickey for alice from 203.0.113.9 port 4242 ssh2: RSA SHA256:abc",
            "Accepted publickey for alice from 203.0.113.9 port 4242 ssh2: ED25519 SHA256:def",
            "Received disconnect from 203.0.113.9 port 4242:11: disconnected by user",
            "Disconnected from user alice 203.0.113.9 port 4242",
        ],
    ),
    // A good login with a password after all keys of an agent.
    (
        0,
        &[
            "Failed publickey for alice from 203.0.113.9 port 4242 ssh2: RSA SHA256:abc",
            "Failed publickey for alice from 203.0.113.9 port 4242 ssh2: RSA SHA256:def",
            "Failed publickey for alice from 203.0.113.9 port 4242 ssh2: ED25519 SHA256:abc",
            "Failed publickey for alice from 203.0.113.9 port 4242 ssh2: ED25519 SHA256:def",
            "Failed publickey for alice from 203.0.113.9 port 4242 ssh2: ECDSA SHA256:abc",
            "Accepted password for alice from 203.0.113.9 port 4242 ssh2",
            "Connection closed by user alice 203.0.113.9 port 4242",
        ],
    ),
    // A good login that the network cuts.
    (
        0,
        &[
            "Accepted publickey for alice from 203.0.113.9 port 4242 ssh2: ED25519 SHA256:def",
            "Timeout, client not responding from user alice 203.0.113.9 port 4242",
            "Connection reset by user alice 203.0.113.9 port 4242",
            "ssh_dispatch_run_fatal: Connection from user alice 203.0.113.9 port 4242: Broken pipe",
        ],
    ),
    // Somebody looks whether sshd is alive.
    (
        0,
        &[
            "error: kex_exchange_identification: Connection closed by remote host",
            "Connection closed by 203.0.113.9 port 4242",
        ],
    ),
];

#[test]
fn one_failed_login_counts_at_most_twice_and_at_least_once() {
    let rule = Plain::new("ssh");
    let mut clock = clock("2026-11-22T08:00:00Z");
    for (expected, messages) in CONNECTIONS {
        let mut count = 0;
        for message in *messages {
            let line = format!("Mar  2 04:05:06 web1 sshd[4711]: {message}");
            count += usize::from(rule.find(line.as_bytes(), &mut clock).is_some());
        }
        assert_eq!(count, *expected, "{}", messages.join("\n"));
    }
}
