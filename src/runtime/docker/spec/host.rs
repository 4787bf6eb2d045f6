//! What the bodies depend on of the host: the programs that nodes without an image see, users, where paths begin.

use std::path::{Path, PathBuf};

/// The folders with programs that are links into `/usr` on most hosts. Where they are, our own image has the same
/// links; where they are folders, they are mounted like `/usr`.
pub const LAYOUT: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32"];

/// What else is mounted where it exists: programs and libraries, and the few files below `/etc` that these read.
const SHARED: [&str; 11] = [
    "/usr",
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
];

/// What bodies depend on of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// What is mounted into the containers of nodes without an image, `path:path:ro`.
    pub binds: Vec<String>,
    /// Where the cluster file's path begins.
    pub folder: PathBuf,
    /// The text of its `/etc/passwd`.
    pub passwd: String,
}

impl Host {
    /// This host.
    pub fn read() -> Self {
        let folders = LAYOUT.iter().filter(|path| !Path::new(path).is_symlink());
        let there = folders.chain(&SHARED).filter(|path| Path::new(path).exists());
        Self {
            binds: there.map(|path| format!("{path}:{path}:ro")).collect(),
            folder: std::env::current_dir().unwrap_or_default(),
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
