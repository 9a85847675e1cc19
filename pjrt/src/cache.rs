//! `CRANEFLOW_CACHE_DIR`: compiled programs in files, for processes to come.
//!
//! A file is written beside and then renamed, so what stands under its name is whole, whoever is killed
//! in between and however many processes write the same. Everything read is checked; what is damaged is
//! removed and compiled again. What cannot be written is reported once: the cache never makes a program
//! fail. The machine code in it is run, so a folder in which everyone may write is not used.

use craneflow_codegen::hash::Hash;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

/// The variable that names the folder. Without it nothing is kept.
const FOLDER: &str = "CRANEFLOW_CACHE_DIR";
/// The variable with the size in megabytes that the folder may reach.
const SIZE: &str = "CRANEFLOW_CACHE_MB";
const DEFAULT_MB: u64 = 1024;
const SUFFIX: &str = "crnflw";
/// The name's end while a file is written.
const BESIDE: &str = "part";
/// Age from which a file that is being written belongs to a process that is gone.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A folder of compiled programs.
pub struct Cache {
    folder: PathBuf,
    /// Bytes that all files may have.
    limit: u64,
    /// Bytes of all files, as far as this process knows; `None` before it has looked.
    known: Mutex<Option<u64>>,
    complained: AtomicBool,
}

/// The cache that the environment asks for.
pub fn cache() -> Option<&'static Cache> {
    static CACHE: OnceLock<Option<Cache>> = OnceLock::new();
    let open = || {
        let folder = std::env::var_os(FOLDER).filter(|f| !f.is_empty())?;
        let megabytes = std::env::var(SIZE).ok().and_then(|s| s.parse().ok());
        let cache = Cache::new(
            Path::new(&folder),
            megabytes.unwrap_or(DEFAULT_MB).saturating_mul(1 << 20),
        );
        match cache.prepare() {
            Ok(()) => Some(cache),
            Err(error) => {
                cache.complain(&error);
                None
            }
        }
    };
    CACHE.get_or_init(open).as_ref()
}

impl Cache {
    fn new(folder: &Path, limit: u64) -> Cache {
        Cache {
            folder: folder.to_path_buf(),
            limit,
            known: Mutex::default(),
            complained: AtomicBool::new(false),
        }
    }

    /// Makes the folder, for this user alone; an error where others may write in it.
    fn prepare(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            if fs::metadata(&self.folder)?.permissions().mode() & 0o002 != 0 {
                let why = "everyone may write in this folder, so code in it is not to be trusted";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
        }
        Ok(())
    }

    fn complain(&self, error: &io::Error) {
        if !self.complained.swap(true, Ordering::Relaxed) {
            let folder = self.folder.display();
            eprintln!("craneflow: {FOLDER}: {folder}: {error}; compiled programs are not kept");
        }
    }

    fn path(&self, key: &Hash) -> PathBuf {
        self.folder.join(format!("{key}.{SUFFIX}"))
    }

    /// The file of this key. That it was used is noted, for the oldest are removed first.
    pub fn find(&self, key: &Hash) -> Option<Vec<u8>> {
        let path = self.path(key);
        let bytes = fs::read(&path).ok()?;
        if let Ok(file) = File::options().write(true).open(&path) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(bytes)
    }

    /// Removes the file of this key, which is damaged.
    pub fn remove(&self, key: &Hash) {
        let _ = fs::remove_file(self.path(key));
    }

    /// Keeps the content of a file.
    pub fn put(&self, key: &Hash, content: &[u8]) {
        if content.len() as u64 > self.limit {
            return;
        }
        match self.write(key, content) {
            Ok(()) => self.grown(content.len() as u64),
            Err(error) => self.complain(&error),
        }
    }

    fn write(&self, key: &Hash, content: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let beside = self
            .folder
            .join(format!("{key}-{process}-{number}.{BESIDE}"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = (options.open(&beside))
            .and_then(|mut file| file.write_all(content))
            .and_then(|()| fs::rename(&beside, self.path(key)));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    /// Removes files, the longest unused first, once there is more than the limit.
    fn grown(&self, bytes: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = known.map(|k| k + bytes);
        if now.is_none_or(|n| n > self.limit) {
            *known = Some(self.shrink());
        } else {
            *known = now;
        }
    }

    /// The bytes that are left when enough is removed.
    fn shrink(&self) -> u64 {
        let now = SystemTime::now();
        let mut files = vec![];
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(data) = entry.metadata() else { continue };
            let modified = data.modified().unwrap_or(now);
            match path.extension().and_then(|e| e.to_str()) {
                Some(SUFFIX) => files.push((modified, data.len(), path)),
                Some(BESIDE) if now.duration_since(modified).is_ok_and(|a| a > ABANDONED) => {
                    let _ = fs::remove_file(path);
                }
                _ => {}
            }
        }
        let mut total: u64 = files.iter().map(|f| f.1).sum();
        if total > self.limit {
            // Some room, so that not every new file looks through the folder.
            let goal = self.limit / 4 * 3;
            files.sort();
            for (_, bytes, path) in files {
                if total <= goal {
                    break;
                }
                if fs::remove_file(path).is_ok() {
                    total -= bytes;
                }
            }
        }
        total
    }
}

/// What tells this build of the plugin from others: its version, and size and time of its file.
pub fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let file = own_file().and_then(|path| fs::metadata(path).ok());
        let stamp = file.map(|data| (data.len(), data.modified().ok()));
        format!("{} {stamp:?}", env!("CARGO_PKG_VERSION"))
    })
}

/// The file that this code was loaded from, where the system tells.
fn own_file() -> Option<PathBuf> {
    let here = (build as fn() -> &'static str as *const ()).addr();
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let holds = |line: &&str| {
        let range = line.split(' ').next().and_then(|r| r.split_once('-'));
        let number = |s| usize::from_str_radix(s, 16).ok();
        range.is_some_and(|(a, b)| number(a) <= Some(here) && Some(here) < number(b))
    };
    let line = maps.lines().find(holds)?;
    line.find('/').map(|at| PathBuf::from(&line[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saved::Saved;

    fn folder(name: &str) -> PathBuf {
        let name = format!("craneflow-cache-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn key(i: u64) -> Hash {
        Hash::of(&i.to_le_bytes())
    }

    #[test]
    fn files_are_found_again_and_the_longest_unused_go_first() {
        let folder = folder("size");
        let cache = Cache::new(&folder, 1000);
        cache.prepare().expect("a folder");
        let stale = folder.join("x-1-1.part");
        File::create(&stale)
            .and_then(|f| f.set_modified(SystemTime::UNIX_EPOCH))
            .expect("a file");
        let at = |i: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1 + i);
        for i in 0..4 {
            cache.put(&key(i), &[i as u8; 220]);
            let file = File::options().write(true).open(cache.path(&key(i)));
            file.and_then(|f| f.set_modified(at(i))).expect("a time");
        }
        assert!(!stale.exists());
        assert_eq!(cache.find(&key(0)), Some(vec![0; 220]));
        cache.put(&key(4), &[4; 220]);
        let there: Vec<bool> = (0..5).map(|i| cache.find(&key(i)).is_some()).collect();
        assert_eq!(there, [true, false, false, true, true]);
        cache.put(&key(5), &[0; 1001]);
        assert!(cache.find(&key(5)).is_none());
        cache.remove(&key(0));
        assert!(cache.find(&key(0)).is_none());
        fs::remove_dir_all(folder).expect("removed");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_for_everyone_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder("mode");
        let cache = Cache::new(&folder, 1000);
        cache.prepare().expect("a folder");
        let mode = |m| fs::set_permissions(&folder, fs::Permissions::from_mode(m)).expect("a mode");
        mode(0o777);
        assert!(cache.prepare().is_err());
        mode(0o700);
        fs::remove_dir_all(folder).expect("removed");
    }

    /// A content that is whole or not, and knows its key.
    fn entry(i: u64) -> Vec<u8> {
        let saved = Saved {
            key: key(i % 8).to_bytes(),
            code: &vec![i as u8; 200_000],
            ..Saved::default()
        };
        saved.write()
    }

    /// Every file is whole; how many there are.
    fn whole(cache: &Cache) -> usize {
        let found = (0..8).filter_map(|i| Some((i, cache.find(&key(i))?)));
        let mut count = 0;
        for (i, bytes) in found {
            assert_eq!(Saved::read(&bytes).expect("whole").key, key(i).to_bytes());
            count += 1;
        }
        count
    }

    const VICTIM: &str = "CRANEFLOW_TEST_CACHE_VICTIM";

    /// Does nothing by itself: the process that the next test kills, again and again, while it writes.
    #[test]
    fn victim() {
        if let Some(folder) = std::env::var_os(VICTIM) {
            let cache = Cache::new(Path::new(&folder), 1 << 30);
            cache.prepare().expect("a folder");
            for i in 0.. {
                cache.put(&key(i % 8), &entry(i));
            }
        }
    }

    #[test]
    fn killed_writers_leave_whole_files() {
        let folder = folder("killed");
        let cache = Cache::new(&folder, 1 << 30);
        let program = std::env::current_exe().expect("this program");
        for round in 0..60 {
            let start = || {
                let mut command = std::process::Command::new(&program);
                command.args(["--exact", "cache::tests::victim"]);
                command.stdout(std::process::Stdio::null());
                command.env(VICTIM, &folder).spawn().expect("a process")
            };
            // Two at once write the same files.
            let mut victims = [start(), start()];
            std::thread::sleep(Duration::from_millis(15 + 3 * (round % 20)));
            victims.iter_mut().for_each(|v| v.kill().expect("killed"));
            victims.iter_mut().for_each(|v| drop(v.wait()));
            whole(&cache);
        }
        assert!(whole(&cache) > 0);
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn threads_write_the_same_files_at_once() {
        let folder = folder("threads");
        let cache = Cache::new(&folder, 4 << 20);
        cache.prepare().expect("a folder");
        std::thread::scope(|scope| {
            for t in 0..4 {
                let cache = &cache;
                scope.spawn(move || {
                    for i in 0..40 {
                        cache.put(&key((i + t) % 8), &entry(i + t));
                        whole(cache);
                    }
                });
            }
        });
        assert!(whole(&cache) > 0);
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn the_build_is_known_by_its_file() {
        assert!(build().contains("Some"), "{}", build());
    }
}
