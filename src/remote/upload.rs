//! What a command needs of this machine, gathered and sent along: the files it names, what those need in turn, and
//! variables of the environment that cluster files ask for. Reads files, the environment and the current folder.

use super::argv::{Argv, Named, no_text};
use super::back::{Back, Target};
use super::draft::Place;
use super::http;
use super::root::{Root, absolute};
use super::wire::NewCommand;
use crate::journal::PastRun;
use crate::text::is_plain;
use crate::{Error, Result, cluster, script, text};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// The largest command that a daemon takes, bytes.
const BODY_MAX: usize = 64 << 20;
/// What repeating a run takes of its folder.
pub(super) const RUN_FILES: [&str; 5] = ["journal.jsonl", "result.json", "script.rhai", CLUSTER, "chaos.rhai"];
/// A run's copy of its cluster file.
const CLUSTER: &str = "cluster.yaml";
/// How `shrink` is told what whoever asks calls the run's folder.
pub const CALLED: &str = "called";
/// What shrinking a run adds to its folder.
const ADDED: &str = "minimal.rhai";
/// Commands that read a cluster file, also one that nobody has named.
const READ_CLUSTER: [&str; 4] = ["run", "soak", "up", "repl"];
/// Commands that read that of a past run.
const READ_PAST: [&str; 2] = ["replay", "shrink"];

/// A command line with all that belongs to it.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) verb: String,
    pub(super) body: Vec<u8>,
    /// Where what it writes belongs here.
    pub(super) back: Back,
}

/// The past run that the command line names.
pub(super) fn past_run(argv: &Argv<'_>) -> Option<PathBuf> {
    argv.named().into_iter().find(|named| named.id == "run").map(|named| named.path)
}

/// The folder here that a past run's name or path means, where there is one.
pub(super) fn run_folder(named: &Path, data_dir: &Path) -> Option<PathBuf> {
    if named.is_dir() {
        return Some(named.to_owned());
    }
    let folder = data_dir.join("runs").join(named);
    (is_plain(named) && folder.join("journal.jsonl").is_file()).then_some(folder)
}

/// Gathers it. `data_dir` is where runs lie here; `known` the name of the past run that is there already.
pub(super) fn gather(mut argv: Argv<'_>, here: &Path, data_dir: &Path, known: Option<&str>) -> Result<Upload> {
    let (verb, _) = argv.verb();
    let mut named = argv.named();
    let called = past_run(&argv).and_then(|run| run_folder(&run, data_dir));
    let renewed = known.map(|run| name_past_run(&mut argv, &mut named, data_dir, run)).transpose()?;
    let mut pack = Pack::new(here, data_dir);
    pack.named(&named)?;
    let config = pack.cluster_file(&verb, &named);
    pack.imports()?;
    let root = Root::of(here, &pack.written, &pack.paths());
    let mut files = pack.called(&root)?;
    let back = Back { renewed: renewed.flatten(), ..back(&mut argv, &named, &pack, &root)? };
    if let Some(config) = config.and_then(|path| root.name(&absolute(here, &path)))
        && needs_naming(&argv, &config, &files)
    {
        argv.words.splice(0..0, ["--config".to_owned(), config]);
    }
    if verb == "shrink"
        && let Some(folder) = called
    {
        let end = argv.words.iter().position(|word| word == "--").unwrap_or(argv.words.len());
        argv.words.insert(end, format!("--{CALLED}={}", folder.to_str().ok_or_else(|| no_text(&folder))?));
    }
    files.append(&mut pack.runs);
    let env = environment(&pack.clusters);
    let new = NewCommand { args: argv.words, files, name: cluster::default_name(here), env };
    let body = http::json(&new)?;
    check_size(&body, &new.files)?;
    Ok(Upload { verb, body, back })
}

/// A script with what it imports: what it is called over there, and all texts.
pub(super) fn script(here: &Path, path: &Path) -> Result<(String, BTreeMap<String, String>)> {
    let mut pack = Pack::new(here, here);
    pack.file(path)?;
    pack.scripts.push((path.to_owned(), path.to_owned()));
    pack.imports()?;
    let root = Root::of(here, &[path.to_owned()], &pack.paths());
    let name = root.name(&absolute(here, path)).ok_or_else(|| no_text(path))?;
    Ok((name, pack.called(&root)?))
}

/// Calls the past run by its name over there, where all of it is; gives where it belongs here.
fn name_past_run(
    argv: &mut Argv<'_>,
    named: &mut Vec<Named>,
    data_dir: &Path,
    id: &str,
) -> Result<Option<(String, Place)>> {
    let Some(at) = named.iter().position(|named| named.id == "run") else { return Ok(None) };
    let path = named.remove(at).path;
    if path != Path::new(id) {
        argv.replace(&path, id)?;
    }
    // Where there is none here yet, it is made as one that was run over there.
    let place = run_folder(&path, data_dir).map(Place::Named).or_else(|| Place::below(&data_dir.join("runs"), id));
    Ok(place.map(|place| (id.to_owned(), place)))
}

/// Files by where they are here.
struct Pack<'a> {
    here: &'a Path,
    data_dir: &'a Path,
    /// Paths as they stand on the command line.
    written: Vec<PathBuf>,
    /// Texts by their absolute paths.
    files: BTreeMap<PathBuf, String>,
    /// Scripts, as they were named, and beside which of them is what they import.
    scripts: Vec<(PathBuf, PathBuf)>,
    /// Files of runs that only their name tells, and modules of theirs: by what they are called over there.
    runs: BTreeMap<String, String>,
    /// Folders of runs, as they are called on the command line.
    folders: Vec<PathBuf>,
    /// The texts of cluster files that a person has written. Those of past runs may come from a daemon, which is not to
    /// choose what it is told.
    clusters: Vec<String>,
}

impl<'a> Pack<'a> {
    fn new(here: &'a Path, data_dir: &'a Path) -> Self {
        Self {
            here,
            data_dir,
            written: Vec::new(),
            files: BTreeMap::new(),
            scripts: Vec::new(),
            runs: BTreeMap::new(),
            folders: Vec::new(),
            clusters: Vec::new(),
        }
    }

    /// Those that the command line names. What is not there, the command itself misses over there.
    fn named(&mut self, named: &[Named]) -> Result<()> {
        let script = named.iter().find(|named| named.id == "script").map(|named| &named.path);
        for Named { path, id, .. } in named.iter().filter(|named| !named.is_written) {
            if id == "run" && path.is_dir() {
                self.folder(path)?;
            } else if id == "run" {
                self.run(path)?;
                continue;
            } else if path.exists() || !is_plain(path) {
                let text = self.file(path)?;
                match id.as_str() {
                    "config" => self.clusters.push(text),
                    // Its statements stand in the script, and import from there.
                    "chaos" => self.scripts.push((path.clone(), script.unwrap_or(path).clone())),
                    _ => self.scripts.push((path.clone(), path.clone())),
                }
            }
            self.written.push(path.clone());
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<String> {
        let text = text::read("the file", path)?;
        self.files.insert(absolute(self.here, path), text.clone());
        Ok(text)
    }

    /// A run's folder.
    fn folder(&mut self, path: &Path) -> Result<()> {
        for name in RUN_FILES.iter().filter(|name| path.join(name).is_file()) {
            self.file(&path.join(name))?;
        }
        self.folders.push(path.to_owned());
        self.past_imports(path)
    }

    /// What the script of a past run imports, called as the run names its script: from where it was begun. What is wrong
    /// with the run is told over there.
    fn past_imports(&mut self, folder: &Path) -> Result<()> {
        let Ok(past) = PastRun::open(folder, folder) else { return Ok(()) };
        let named = past.journal.header["script"]["path"].as_str().map(Path::new).filter(|named| is_plain(named));
        let Some(named) = named else { return Ok(()) };
        let depth = named.components().filter(|part| *part != Component::CurDir).count();
        let there = past.script_path.ancestors().nth(depth).unwrap_or(Path::new("")).to_owned();
        let script = past.script_path.display().to_string();
        for module in script::imported(&script, &script, &past.script)? {
            let called = module.strip_prefix(&there).ok().filter(|called| is_plain(called)).and_then(Path::to_str);
            if let (Some(called), Ok(text)) = (called, text::read("the module", &module)) {
                self.runs.insert(called.to_owned(), text);
            }
        }
        Ok(())
    }

    /// A run that lies below the data folder here, if it does. Else it may over there.
    fn run(&mut self, name: &Path) -> Result<()> {
        if !is_plain(name) {
            return Err(Error::usage(format!("there is no run in {}", name.display()))
                .help("name a run's folder, as `blockade run` and `blockade soak` print it"));
        }
        let folder = self.data_dir.join("runs").join(name);
        for file in RUN_FILES.iter().filter(|file| folder.join(file).is_file()) {
            let called = format!("{}/{file}", name.to_str().ok_or_else(|| no_text(name))?);
            let text = text::read("the file", &folder.join(file))?;
            self.runs.insert(called, text);
        }
        self.past_imports(&folder)
    }

    /// The cluster file that the command finds; what is wrong with it is told over there.
    fn cluster_file(&mut self, verb: &str, named: &[Named]) -> Option<PathBuf> {
        let of = |id: &str| named.iter().find(|named| named.id == id).map(|named| named.path.as_path());
        if of("config").is_some() {
            return None;
        }
        if READ_PAST.contains(&verb) {
            // The past run has its own; but whose variables it may know is said by a file that lies here.
            let text = text::read("the file", &cluster::find(None, None).ok()?).ok()?;
            self.clusters.push(text);
            return None;
        }
        if !READ_CLUSTER.contains(&verb) {
            return None;
        }
        let found = cluster::find(of("script"), None).ok()?;
        let text = self.file(&found).ok()?;
        self.clusters.push(text);
        Some(found)
    }

    /// What the scripts import.
    fn imports(&mut self) -> Result<()> {
        for (script, importer) in std::mem::take(&mut self.scripts) {
            let Some(text) = self.files.get(&absolute(self.here, &script)).cloned() else { continue };
            for module in script::imported(&script.display().to_string(), &importer.display().to_string(), &text)? {
                // One that cannot be read is told by whoever imports it.
                let _without = self.file(&module).is_err();
            }
        }
        Ok(())
    }

    /// Where all of it lies here. A folder counts as what lies in it.
    fn paths(&self) -> Vec<PathBuf> {
        let folders = self.folders.iter().map(|folder| absolute(self.here, folder));
        self.files.keys().cloned().chain(folders).collect()
    }

    /// The texts by what they are called over there.
    fn called(&self, root: &Root) -> Result<BTreeMap<String, String>> {
        let called = self.files.iter().map(|(path, text)| {
            let name = root.name(path).ok_or_else(|| no_text(path))?;
            Ok((name, text.clone()))
        });
        called.collect()
    }
}

/// Changes the paths that mean something else over there, and says where what is written belongs.
fn back(argv: &mut Argv<'_>, named: &[Named], pack: &Pack<'_>, root: &Root) -> Result<Back> {
    let mut back = Back::default();
    for named in named {
        if named.is_written {
            written(argv, named, &mut back)?;
        } else if pack.written.contains(&named.path) {
            back.targets.extend(read(argv, &named.path, pack, root)?);
        } else if !pack.runs.is_empty() {
            let here = pack.data_dir.join("runs").join(&named.path).join(ADDED);
            back.targets.push(Target { there: format!("{}/{ADDED}", named.path.display()), here, is_named: false });
        }
    }
    Ok(back)
}

/// A path to be written: over there, a name in the working directory.
fn written(argv: &mut Argv<'_>, named: &Named, back: &mut Back) -> Result<()> {
    let path = &named.path;
    // `.` and `..` have no name of their own.
    let name = path.file_name().map_or(Some("out"), OsStr::to_str).ok_or_else(|| no_text(path))?;
    if Path::new(name) != path {
        argv.replace(path, name)?;
    }
    if named.id == "out" {
        back.out = Some(path.clone());
    } else {
        back.targets.push(Target { there: name.to_owned(), here: path.clone(), is_named: true });
    }
    Ok(())
}

/// A path to be read. What is added to a run's folder comes back into it.
fn read(argv: &mut Argv<'_>, path: &Path, pack: &Pack<'_>, root: &Root) -> Result<Option<Target>> {
    let name = root.name(&absolute(pack.here, path));
    if let Some(name) = name.as_deref().filter(|name| !means(path, name)) {
        argv.replace(path, name)?;
    }
    let there = name.map_or_else(|| ADDED.to_owned(), |name| format!("{name}/{ADDED}"));
    Ok(path.is_dir().then(|| Target { there, here: path.join(ADDED), is_named: false }))
}

/// Whether a path as it is written means this name.
fn means(path: &Path, name: &str) -> bool {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    is_plain(path) && parts.eq(Path::new(name).components())
}

/// Whether the command would find another cluster file over there, or none.
fn needs_naming(argv: &Argv<'_>, config: &str, files: &BTreeMap<String, String>) -> bool {
    let script = argv.named().into_iter().find(|named| named.id == "script").map(|named| named.path);
    let beside = script.map(|path| path.with_extension("yaml"));
    let mut places = beside.into_iter().chain(["blockade.yaml", "blockade.yml"].map(PathBuf::from));
    let is_there = |place: &PathBuf| files.keys().any(|name| means(place, name));
    places.find(is_there).is_none_or(|place| !means(&place, config))
}

/// What cluster files ask for, where it is set here.
fn environment(clusters: &[String]) -> BTreeMap<String, String> {
    let names: BTreeSet<&str> = clusters.iter().flat_map(|text| cluster::environment(text)).collect();
    names.into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
}

fn check_size(body: &[u8], files: &BTreeMap<String, String>) -> Result<()> {
    if body.len() <= BODY_MAX {
        return Ok(());
    }
    let largest = files.iter().max_by_key(|(_, text)| text.len());
    let (name, size) = largest.map_or(("the arguments", 0), |(name, text)| (name.as_str(), text.len()));
    Err(Error::usage(format!(
        "what is to be sent has {} bytes, and a daemon takes {} MiB at most; the largest file is {name}, with {size} bytes",
        body.len(),
        BODY_MAX >> 20
    ))
    .help("leave out what the command does not need, or run it on that machine"))
}
