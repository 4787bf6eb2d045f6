//! The running binary and the libraries it has loaded, as a file system that it can run in.
//!
//! Reads this host's files and `/proc/self`; writes nothing.

use super::spec::LAYOUT;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where the binary lies in the image.
const BINARY: &str = "blockade";
/// Folders that everybody may write to, as on any system.
const OPEN_FOLDERS: [&str; 2] = ["tmp", "work"];

/// A tar with `binary` as `/blockade`, the libraries of this process at their own places, and folders that are links on
/// this host as the same links, so that a node that runs the host's programs finds them where they were.
pub(super) fn pack(binary: &Path) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for folder in OPEN_FOLDERS {
        tar.append_data(&mut header(tar::EntryType::Directory, 0o1777, 0), folder, io::empty())?;
    }
    let libraries = libraries(&std::fs::read_to_string("/proc/self/maps")?, &std::fs::read_link("/proc/self/exe")?);
    for (link, target) in layout().into_iter().chain(other_names(&libraries)?).chain(loader(binary)?) {
        tar.append_link(&mut header(tar::EntryType::Symlink, 0o777, 0), inside(&link), target)?;
    }
    for library in &libraries {
        append(&mut tar, library, inside(library))?;
    }
    append(&mut tar, binary, Path::new(BINARY))?;
    tar.into_inner()
}

fn append(tar: &mut tar::Builder<Vec<u8>>, file: &Path, name: &Path) -> io::Result<()> {
    let file = File::open(file)?;
    let size = file.metadata()?.len();
    tar.append_data(&mut header(tar::EntryType::Regular, 0o755, size), name, file.take(size))
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}

fn inside(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// The folders of the host that are links: `/lib` → `usr/lib` and the like.
fn layout() -> BTreeMap<PathBuf, PathBuf> {
    let link = |path: &&str| Some((PathBuf::from(path), std::fs::read_link(path).ok()?));
    LAYOUT.iter().filter_map(link).collect()
}

/// The files that a process has loaded to execute, but for its own binary. One that was replaced since is found at its
/// place again. A static binary has none.
fn libraries(maps: &str, own: &Path) -> BTreeSet<PathBuf> {
    // `7f0c…-7f0c… r-xp 00026000 fe:00 1234    /usr/lib/x86_64-linux-gnu/libc.so.6`
    let path = |line: &str| {
        let executable = line.split(' ').nth(1).is_some_and(|rights| rights.contains('x'));
        let path = line.find('/').filter(|_| executable).map(|at| &line[at..])?;
        Some(PathBuf::from(path.strip_suffix(" (deleted)").unwrap_or(path)))
    };
    maps.lines().filter_map(path).filter(|path| path != own && path.is_file()).collect()
}

/// The other names that a library is asked for by: `libc.so.6` for `libc-2.31.so`.
fn other_names(libraries: &BTreeSet<PathBuf>) -> io::Result<BTreeMap<PathBuf, PathBuf>> {
    let mut names = BTreeMap::new();
    for folder in libraries.iter().filter_map(|library| library.parent()).collect::<BTreeSet<_>>() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let is_link = entry.file_type()?.is_symlink();
            let target = if is_link { std::fs::canonicalize(entry.path()).ok() } else { None };
            names.extend(target.filter(|target| libraries.contains(target)).map(|target| (entry.path(), target)));
        }
    }
    Ok(names)
}

/// The path at which the kernel looks for the dynamic loader, where another file lies there than a link of ours.
fn loader(binary: &Path) -> io::Result<Option<(PathBuf, PathBuf)>> {
    let Some(asked) = interpreter(&File::open(binary)?)? else { return Ok(None) };
    let (Some(folder), Some(name)) = (asked.parent(), asked.file_name()) else { return Ok(None) };
    let (place, file) = (std::fs::canonicalize(folder)?.join(name), std::fs::canonicalize(&asked)?);
    Ok((place != file).then_some((place, file)))
}

/// The dynamic loader that an ELF file asks for. Of 64-bit little-endian files, which all machines with Docker use but
/// a few.
fn interpreter(file: &File) -> io::Result<Option<PathBuf>> {
    const INTERPRETER: u32 = 3; // PT_INTERP
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0)?;
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return Ok(None);
    }
    let (table, entry, entries) = (number(&head, 32, 8), number(&head, 54, 2), number(&head, 56, 2));
    for index in 0..entries {
        let mut segment = [0; 56];
        file.read_exact_at(&mut segment, table + index * entry)?;
        if number(&segment, 0, 4) == u64::from(INTERPRETER) {
            let mut path = vec![0; number(&segment, 32, 8).min(4096) as usize];
            file.read_exact_at(&mut path, number(&segment, 8, 8))?;
            return Ok(Some(PathBuf::from(String::from_utf8_lossy(&path).trim_end_matches('\0').to_owned())));
        }
    }
    Ok(None)
}

/// A little-endian number of so many bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_to_be_executed_is_a_library() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (path, own) = (file.path().display(), Path::new("/proc/self/exe"));
        let maps =
            |rights: &str, end: &str| libraries(&format!("7f00-7f01 {rights} 00026000 fe:00 12   {path}{end}\n"), own);
        assert_eq!(maps("r-xp", "").into_iter().collect::<Vec<_>>(), [file.path()]);
        assert_eq!(maps("r-xp", " (deleted)").len(), 1);
        assert!(maps("r--p", "").is_empty());
        assert!(libraries("7ffd-7ffe r-xp 00000000 00:00 0   [vdso]\n", own).is_empty());
    }

    #[test]
    fn everything_that_the_binary_needs_is_packed_once() {
        let own = Path::new("/proc/self/exe");
        let mut tar = tar::Archive::new(io::Cursor::new(pack(own).unwrap()));
        let paths = tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
        let paths: Vec<PathBuf> = paths.collect();
        let once: BTreeSet<_> = paths.iter().collect();
        assert_eq!(once.len(), paths.len(), "{paths:?}");
        assert!(once.contains(&PathBuf::from(BINARY)));
        if let Some(loader) = interpreter(&File::open(own).unwrap()).unwrap() {
            let place = std::fs::canonicalize(loader.parent().unwrap()).unwrap().join(loader.file_name().unwrap());
            assert!(once.contains(&inside(&place).to_owned()), "{place:?} in {paths:?}");
        }
    }

    #[test]
    fn a_text_file_asks_for_no_loader() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [b'#'; 100]).unwrap();
        assert_eq!(interpreter(file.as_file()).unwrap(), None);
    }
}
