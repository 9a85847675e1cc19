//! Folders with one folder for each class.

use super::{DataError, Labels};
use std::path::{Path, PathBuf};

/// Files in folders named after their classes. Names are in alphabetic order, so the samples are too.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassFolder {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Files and the numbers of their classes.
    pub files: Vec<(PathBuf, i32)>,
    /// Folders without such files, which are no classes.
    pub empty: Vec<String>,
}

impl ClassFolder {
    /// Looks what files with these endings (in lower case, without the dot) are in a folder. Folders
    /// in it without such files are no classes.
    pub fn open(folder: impl AsRef<Path>, endings: &[&str]) -> Result<ClassFolder, DataError> {
        let folder = folder.as_ref();
        let mut found = ClassFolder {
            classes: vec![],
            files: vec![],
            empty: vec![],
        };
        for class in entries(folder)?.into_iter().filter(|p| p.is_dir()) {
            let files = files(&class, endings)?;
            let name = class.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            if files.is_empty() {
                found.empty.push(name);
                continue;
            }
            let id = found.classes.len() as i32;
            found.classes.push(name);
            found.files.extend(files.into_iter().map(|file| (file, id)));
        }
        match found.files.is_empty() {
            true => Err(DataError::Empty {
                path: folder.into(),
            }),
            false => Ok(found),
        }
    }

    /// What was left out, for people to read.
    pub fn warnings(&self, folder: &Path) -> Vec<String> {
        let empty = self.empty.iter().filter(|name| !name.starts_with('.'));
        let warning = |name: &String| {
            let place = folder.join(name);
            format!(
                "{} has no files of samples and is no class",
                place.display()
            )
        };
        empty.map(warning).collect()
    }

    /// Numbers the classes as they are numbered elsewhere.
    pub fn renumber(&mut self, classes: &[String]) -> Result<(), DataError> {
        for (file, id) in &mut self.files {
            let name = &self.classes[*id as usize];
            let found = classes.iter().position(|c| c == name);
            *id = found.ok_or_else(|| DataError::Column {
                path: file.clone(),
                wanted: format!("for the class `{name}`"),
                columns: classes.join(", "),
            })? as i32;
        }
        self.classes = classes.to_vec();
        Ok(())
    }

    /// The numbers of the classes of all files.
    pub fn labels(&self) -> Labels {
        let ids: Vec<i32> = self.files.iter().map(|(_, id)| *id).collect();
        Labels::Classes(ndarray::Array1::from(ids).into_dyn())
    }
}

/// The files in a folder with these endings (in lower case, without the dot), in alphabetic order. Hidden
/// ones, which begin with a dot, are left out.
pub fn files(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, DataError> {
    let wanted = |path: &PathBuf| {
        let hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
        if path.file_name().is_some_and(hidden) {
            return false;
        }
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        ending.is_some_and(|e| endings.contains(&e.as_str()))
    };
    Ok(entries(folder)?.into_iter().filter(wanted).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let io = |source| DataError::Io {
        path: folder.into(),
        source,
    };
    let entries = std::fs::read_dir(folder).map_err(io)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|e| e.map(|e| e.path())).collect();
    let mut paths = paths.map_err(io)?;
    paths.sort();
    Ok(paths)
}
