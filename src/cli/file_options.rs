//! The options for files that are served beside the application.

use std::path::PathBuf;

use clap::Args;

use super::values::{field_value, static_folder};
use crate::static_files::StaticFiles;

#[derive(Args, Debug)]
#[command(next_help_heading = "Static files")]
pub(super) struct FileOptions {
    /// Serve the files of DIR at paths below PREFIX, as /static=/srv/app/static, without a call of the application, which
    /// has what DIR has not. May be given several times.
    ///
    /// PREFIX is of the URL's path, SCRIPT_NAME and PATH_INFO; the longest goes first. A folder is served by its
    /// index.html; FILE.br and FILE.gz go in FILE's place to clients that take them. Names that begin with a dot are not
    /// served. docs/static.md has all of it.
    #[arg(long = "static", value_name = "PREFIX=DIR", value_parser = static_folder)]
    folders: Vec<(String, PathBuf)>,

    /// Send this as Cache-Control with each of those files, as "public, max-age=3600".
    #[arg(long, value_name = "VALUE", value_parser = field_value)]
    static_cache_control: Option<String>,

    /// Follow symbolic links in those folders, wherever they lead; without it none is followed.
    #[arg(long)]
    static_follow_links: bool,
}

impl FileOptions {
    /// The files that go before the application, if there are any.
    pub(super) fn open(&self) -> Result<Option<StaticFiles>, String> {
        if self.folders.is_empty() {
            return Ok(None);
        }
        let mut files = StaticFiles::new();
        for (prefix, folder) in &self.folders {
            let added = files.folder(prefix, folder);
            files = added.map_err(|error| format!("--static {prefix}={}: {error}", folder.display()))?;
        }
        if let Some(value) = &self.static_cache_control {
            let added = files.cache_control(value);
            files = added.map_err(|error| format!("--static-cache-control: {error}"))?;
        }
        Ok(Some(if self.static_follow_links { files.follow_links() } else { files }))
    }
}
