//! `craneflow data`

use anyhow::{Result, bail};
use craneflow::nn::data::{FOLDER_VARIABLE, NAMES, fetch_hint, load};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The data sets known by name, and whether they are here
    List,
    /// How to get a data set; nothing is downloaded
    FetchHint {
        /// Its name
        name: String,
    },
    /// What a data set holds
    Show {
        /// Its name, or a file or folder
        data: String,
    },
}

pub fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::List => list(),
        Command::FetchHint { name } => match fetch_hint(name) {
            Some(hint) => println!("{hint}"),
            None => bail!(
                "there is no data set {name}; there are {}",
                NAMES.join(", ")
            ),
        },
        Command::Show { data } => show(data)?,
    }
    Ok(())
}

fn list() {
    let folder = std::env::var_os(FOLDER_VARIABLE).map(std::path::PathBuf::from);
    for name in NAMES {
        let place = match (&folder, name) {
            (_, "digits") => "bundled".to_string(),
            (Some(folder), _) if folder.join(name).is_dir() => {
                folder.join(name).display().to_string()
            }
            _ => format!("not here: craneflow data fetch-hint {name}"),
        };
        println!("{name:14} {place}");
    }
    println!("Files and folders can be given as they are: CSV and TSV tables, IDX, CIFAR-10.");
    println!("{FOLDER_VARIABLE} names the folder in which names are looked up.");
}

fn show(data: &str) -> Result<()> {
    let split = load(data)?;
    for (what, part) in [("train", &split.train), ("held out", &split.test)] {
        println!(
            "{what:9} {} samples of {:?}, {}",
            part.len(),
            part.input_shape(),
            match part.classes() {
                [] => "labels are numbers".to_string(),
                names => format!("{} classes: {}", names.len(), names.join(", ")),
            }
        );
    }
    Ok(())
}
