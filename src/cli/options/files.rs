//! The options for files that are served beside the application.

use std::path::PathBuf;

use clap::Args;
use log::warn;

use crate::cli::values::{expiry, field_value, static_folder};
use crate::static_files::{Expiry, StaticFiles};

#[derive(Args, Debug)]
#[command(next_help_heading = "Static files")]
pub(in crate::cli) struct Files {
    /// Serve the files of DIR at paths below PREFIX, as /static=/srv/app/static, without a call of the application, which
    /// has what DIR has not. DIR may be a file: that is served at PREFIX itself. May be given several times.
    ///
    /// PREFIX is of the URL's path, SCRIPT_NAME and PATH_INFO; the longest goes first. A folder is served by its
    /// index.html; FILE.br and FILE.gz go in FILE's place to clients that take them. Names that begin with a dot are not
    /// served. docs/static.md has all of it.
    #[arg(long = "static", value_name = "PREFIX=DIR", value_parser = static_folder)]
    folders: Vec<(String, PathBuf)>,

    /// Serve a folder by the file NAME in it, in place of index.html. May be given several times, and the first that is there
    /// goes; - is that no folder is served.
    #[arg(long, value_name = "NAME")]
    static_index: Vec<String>,

    /// Leave files to the application whose names end with EXT, as .py. May be given several times.
    #[arg(long, value_name = "EXT")]
    static_skip_ext: Vec<String>,

    /// Send Expires with those files whose path in the URL matches a regular expression, so many seconds from now, as
    /// '[.]css$=3600'. May be given several times, and the first that matches goes.
    ///
    /// file: before the expression has it match the path on the disk, uri: the URL with its query, type: Content-Type.
    /// mtime+SECONDS counts from the file's last change.
    #[arg(long, value_name = "PATTERN=SECONDS", value_parser = expiry)]
    static_expires: Vec<Expiry>,

    /// Send this as Cache-Control with each of those files, as "public, max-age=3600".
    #[arg(long, value_name = "VALUE", value_parser = field_value)]
    static_cache_control: Option<String>,

    /// Follow symbolic links in those folders, wherever they lead; without it none is followed.
    #[arg(long)]
    static_follow_links: bool,
}

impl Files {
    /// The files that go before the application, if there are any.
    pub(in crate::cli) fn open(&self) -> Result<Option<StaticFiles>, String> {
        self.open_or_wait(false)
    }

    /// The same. A folder that `may_come` need not be there yet.
    pub(in crate::cli) fn open_or_wait(&self, may_come: bool) -> Result<Option<StaticFiles>, String> {
        if self.folders.is_empty() {
            return Ok(None);
        }
        let mut files = StaticFiles::new();
        for (prefix, folder) in &self.folders {
            let added = match may_come && !folder.exists() {
                false => files.folder(prefix, folder),
                true => files.folder_to_come(prefix, folder),
            };
            files = added.map_err(|error| format!("--static {prefix}={}: {error}", folder.display()))?;
        }
        if let Some(value) = &self.static_cache_control {
            let added = files.cache_control(value);
            files = added.map_err(|error| format!("--static-cache-control: {error}"))?;
        }
        if !self.static_index.is_empty() {
            let names: Vec<_> = self.static_index.iter().filter(|name| *name != "-").cloned().collect();
            files = files.indexes(&names).map_err(|error| format!("--static-index: {error}"))?;
        }
        files = files.skip(&self.static_skip_ext).expire(self.static_expires.clone());
        Ok(Some(if self.static_follow_links { files.follow_links() } else { files }))
    }

    /// Says which folders are not there.
    pub(in crate::cli) fn warn_of_missing(&self) {
        for (_, folder) in self.folders.iter().filter(|(_, folder)| !folder.exists()) {
            warn!("{} is not there: until it is, the application answers in its place", folder.display());
        }
    }
}
