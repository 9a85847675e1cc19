//! `craneflow init`

use anyhow::{Context, Result, bail};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// A description to start from. An existing file is not replaced.
#[derive(clap::Args)]
pub struct Args {
    /// Where to write it
    #[arg(default_value = "model.toml")]
    file: PathBuf,
    /// What the samples are
    #[arg(long, value_enum, default_value_t = Kind::Table)]
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Kind {
    /// Rows of a CSV file
    Table,
    /// Pictures in folders named after their classes
    Images,
    /// Texts in a column of a CSV file, or in folders or files named after their classes
    Text,
    /// WAV files in folders named after their classes
    Sounds,
}

pub fn run(args: &Args) -> Result<()> {
    let text = match args.kind {
        Kind::Table => include_str!("init/table.toml"),
        Kind::Images => include_str!("init/images.toml"),
        Kind::Text => include_str!("init/text.toml"),
        Kind::Sounds => include_str!("init/sounds.toml"),
    };
    let path = args.file.display();
    if args.file.exists() {
        bail!("{path}: is there already; give another name");
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.file);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{path}: cannot be written"))?;
    println!("wrote {path}: say in it where the data are, then");
    println!("  craneflow train {path}");
    Ok(())
}
