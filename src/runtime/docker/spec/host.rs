//! What a node without an image sees of the host: its programs, read-only.

use std::path::Path;

/// The host's folders with programs and their libraries, and the few files below `/etc` that these read.
const SHARED: [&str; 17] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/lib32",
    "/etc/alternatives",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl",
    "/nix/store",
];

/// What nodes without an image see of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// What is mounted into their containers, `path:path:ro`.
    pub binds: Vec<String>,
    /// The text of its `/etc/passwd`.
    pub passwd: String,
}

impl Host {
    /// This host.
    pub fn read() -> Self {
        let is_there = |path: &&str| Path::new(path).exists();
        Self {
            binds: SHARED.iter().filter(|path| is_there(path)).map(|path| format!("{path}:{path}:ro")).collect(),
            passwd: std::fs::read_to_string("/etc/passwd").unwrap_or_default(),
        }
    }

    /// The user and group ids of one of its users.
    pub fn account(&self, user: &str) -> Option<(u32, u32)> {
        let fields = self.passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let fields = fields.into_iter().find(|fields| fields.first() == Some(&user))?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    }
}
