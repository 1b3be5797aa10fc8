//! Files that are served beside the application: what a request gets that asks for one, without a call of it.
//!
//! # How this works
//!
//! The path of the URL, which is SCRIPT_NAME and PATH_INFO, is looked for under each prefix that it begins with (`target`).
//! What is opened there (`folder`) is a file, or a folder with an index; all else is left to the application. Then the
//! request's conditions are weighed (`conditions`), the coding chosen (`coding`), the ranges cut (`ranges`), and the head and
//! the pieces of the file become one [`Reply`], whose bytes the connection sends as it sends an application's.
//!
//! All but `folder` are functions of bytes.

mod coding;
mod conditions;
#[cfg_attr(not(feature = "command"), allow(dead_code, reason = "rules are made by an option of the command"))]
mod expires;
mod folder;
mod media_type;
mod multipart;
mod ranges;
mod reply;
mod target;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::application::environ::Environ;
use crate::application::response_head::{HeadError, ResponseHead};
use crate::limits::Limits;
use coding::Coding;
pub(crate) use expires::Expiry;
#[cfg(feature = "command")]
pub(crate) use expires::{Pattern, Since, Subject};
use folder::{Found, Links, Opened, Root};
pub(crate) use reply::Reply;
use reply::{Asked, Caching, Representations};
use target::Target;

/// Folders whose files are served beside the application, without a call of it.
///
/// What they do not have is the application's to answer. Names that begin with a dot are not served, nor what is no regular
/// file; nothing outside a folder is. docs/static.md in the repository tells all of it.
///
/// ```no_run
/// # use tidegate::{Body, Environ, Limits, StartResponse, StaticFiles, Worker};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listeners = Vec::new();
/// # let application = |_: Environ, start_response: StartResponse| {
/// #     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
/// #     Ok(Body::empty())
/// # };
/// let files = StaticFiles::new().folder("/static", "/srv/app/static")?.cache_control("max-age=3600")?;
/// let mut worker = Worker::new(listeners, application, Limits::default())?;
/// worker.serve_files(files);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct StaticFiles {
    /// The longest prefix first.
    folders: Vec<Folder>,
    cache_control: Option<String>,
    links: Links,
    /// What a folder is served by, the first that is there; `None` is index.html.
    indexes: Option<Vec<Vec<u8>>>,
    /// How the names of files end that are left to the application.
    skipped: Vec<Vec<u8>>,
    expiries: Vec<Expiry>,
}

#[derive(Clone, Debug)]
struct Folder {
    /// What a path begins with, without a slash at its end: nothing for all of them.
    prefix: Vec<u8>,
    path: PathBuf,
    /// The one file in it that is served, at the prefix itself.
    file: Option<Vec<u8>>,
}

impl StaticFiles {
    /// No folder yet.
    pub fn new() -> Self {
        StaticFiles::default()
    }

    /// Serves the files of `folder` at paths below `prefix`, which begins with a slash; or, if it is a file, that at `prefix`
    /// itself. Of prefixes that fit, the longest goes first, and of equal ones the first that was given; the next has what the
    /// one before it lacks.
    ///
    /// It must be there. It is found by its name for each request, so that another may take its place.
    pub fn folder(self, prefix: &str, folder: impl AsRef<Path>) -> io::Result<Self> {
        let mut path = std::path::absolute(folder)?;
        let (metadata, mut file) = (fs::metadata(&path)?, None);
        if metadata.is_file() && prefix != "/" {
            file = path.file_name().map(|name| name.as_bytes().to_vec());
            path.pop();
        } else if !metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no folder"));
        }
        self.add(prefix, path, file)
    }

    /// The same for a folder that need not be there yet: until it is, all below `prefix` is the application's.
    #[cfg_attr(not(feature = "command"), allow(dead_code, reason = "of configurations of uWSGI's"))]
    pub(crate) fn folder_to_come(self, prefix: &str, folder: &Path) -> io::Result<Self> {
        self.add(prefix, std::path::absolute(folder)?, None)
    }

    fn add(mut self, prefix: &str, path: PathBuf, file: Option<Vec<u8>>) -> io::Result<Self> {
        if !prefix.starts_with('/') || prefix.contains('\0') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the prefix {prefix:?} does not begin with a slash, as /static does"),
            ));
        }
        self.folders.push(Folder { prefix: prefix.trim_end_matches('/').into(), path, file });
        self.folders.sort_by_key(|folder| Reverse(folder.prefix.len()));
        Ok(self)
    }

    /// Sends this as Cache-Control with each file.
    pub fn cache_control(self, value: &str) -> Result<Self, HeadError> {
        ResponseHead::new("200 OK", [("Cache-Control", value)], usize::MAX)?;
        Ok(StaticFiles { cache_control: Some(value.to_owned()), ..self })
    }

    /// Follows symbolic links, wherever they lead. Without it none is followed below the folder: who may make a link there
    /// could have any file served that the process may read.
    #[must_use]
    pub fn follow_links(self) -> Self {
        StaticFiles { links: Links::Followed, ..self }
    }

    /// Serves a folder by the first of these names that is there, in place of index.html; none of them is by nothing.
    #[cfg_attr(not(feature = "command"), allow(dead_code, reason = "an option of the command"))]
    pub(crate) fn indexes(self, names: &[String]) -> Result<Self, String> {
        for name in names {
            if !target::is_served(name.as_bytes()) || name.contains('/') {
                return Err(format!("{name:?} is no name of a file that is served"));
            }
        }
        Ok(StaticFiles { indexes: Some(names.iter().map(|name| name.clone().into()).collect()), ..self })
    }

    /// Leaves files to the application whose names end so.
    #[cfg_attr(not(feature = "command"), allow(dead_code, reason = "an option of the command"))]
    pub(crate) fn skip(self, endings: &[String]) -> Self {
        StaticFiles { skipped: endings.iter().map(|ending| ending.clone().into()).collect(), ..self }
    }

    /// Sends Expires by the first of these rules that fits.
    #[cfg_attr(not(feature = "command"), allow(dead_code, reason = "an option of the command"))]
    pub(crate) fn expire(self, expiries: Vec<Expiry>) -> Self {
        StaticFiles { expiries, ..self }
    }

    /// What a request gets that asks for a file; `None` if it is the application's. `date` is now.
    pub(crate) fn answer(&self, environ: &Environ, limits: &Limits, date: &[u8]) -> Option<Reply> {
        let path = url_path(environ);
        let fitting =
            self.folders.iter().filter_map(|folder| Some((folder, target::below(&folder.prefix, &path)?)));
        for (folder, rest) in fitting {
            let (target, links) = match &folder.file {
                None => (Target::of(rest), self.links),
                // It is the operator's own choice, as a folder is that is a link.
                Some(name) => (rest.is_empty().then(|| Target::file(name)), Links::Followed),
            };
            let Some(target) = target else { continue };
            let root = match Root::open(&folder.path, links) {
                Some(Ok(root)) => root,
                Some(Err(error)) => {
                    return Some(Reply::failure(environ, folder.path.join(target.shown()), error));
                }
                None => continue,
            };
            let (target, found) = self.find(&root, target);
            let file = folder.path.join(target.shown());
            match found {
                Found::Nothing => {}
                Found::Folder => {
                    // It moves only where the slash leads to something.
                    if matches!(self.find_index(&root, &target).1, Found::File(_)) {
                        return Some(moved(environ, &path, file));
                    }
                }
                Found::File(opened) => {
                    let there = Representations { path: file, coded: coded(&root, &target), file: opened };
                    let (control, expiries) = (self.cache_control.as_deref(), &self.expiries[..]);
                    let caching = Caching { control, expiries };
                    return Some(Asked::of(environ, date).answer(there, &caching, limits));
                }
                Found::Failure(error) => return Some(Reply::failure(environ, file, error)),
            }
        }
        None
    }

    /// What there is of this name, or of the folder's index, and which name that is.
    fn find(&self, root: &Root, target: Target) -> (Target, Found) {
        let (target, found) = match target.is_folder() {
            true => self.find_index(root, &target),
            false => {
                let found = root.find(target.name());
                (target, found)
            }
        };
        let is_skipped = self.skipped.iter().any(|ending| target.name().ends_with(ending));
        let found = if is_skipped && matches!(found, Found::File(_)) { Found::Nothing } else { found };
        (target, found)
    }

    fn find_index(&self, root: &Root, folder: &Target) -> (Target, Found) {
        let default = [b"index.html".to_vec()];
        for name in self.indexes.as_deref().unwrap_or(&default) {
            let target = folder.index(name);
            match root.find(target.name()) {
                Found::Nothing | Found::Folder => {}
                found => return (target, found),
            }
        }
        (folder.clone(), Found::Nothing)
    }
}

/// What lies beside a file in other codings.
fn coded(root: &Root, target: &Target) -> Vec<(Coding, Opened)> {
    let find = |coding: Coding| match root.find(&[target.name(), coding.suffix()].concat()) {
        Found::File(file) => Some((coding, file)),
        _ => None,
    };
    Coding::ALL.into_iter().filter_map(find).collect()
}

/// The answer to a request for a folder without the slash: relative names in its index would lead elsewhere.
fn moved(environ: &Environ, url_path: &[u8], folder: PathBuf) -> Reply {
    let mut location = target::encoded(url_path);
    location.push('/');
    if !environ.query().is_empty() {
        location.push('?');
        let graphic = environ.query().iter().filter(|byte| byte.is_ascii_graphic());
        location.extend(graphic.map(|byte| char::from(*byte)));
    }
    Reply::short(environ, folder, "301 Moved Permanently", &[("Location", &location)])
}

/// The path of the URL as the client asked for it, decoded.
fn url_path(environ: &Environ) -> Cow<'_, [u8]> {
    match environ.get("SCRIPT_NAME").unwrap_or_default() {
        [] => Cow::Borrowed(environ.path()),
        script_name => Cow::Owned([script_name, environ.path()].concat()),
    }
}

/// A head of the server's own.
fn head<V: AsRef<[u8]>>(status: &str, fields: &[(&str, V)]) -> ResponseHead {
    let fields = fields.iter().map(|(name, value)| (*name, value));
    ResponseHead::new(status, fields, usize::MAX).expect("the server's own heads are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_sent_is_refused_at_once() {
        assert!(StaticFiles::new().cache_control("no-cache\r\nX: y").is_err());
        assert!(StaticFiles::new().folder("static", ".").is_err());
        assert!(StaticFiles::new().folder("/", "Cargo.toml").is_err());
        assert!(StaticFiles::new().folder("/static", "/dev/null").is_err());
        assert!(StaticFiles::new().folder("/static", "Cargo.toml").is_ok());
        for name in ["", ".html", "a/b", "a\0"] {
            assert!(StaticFiles::new().indexes(&[name.to_owned()]).is_err(), "{name:?}");
        }
        assert!(StaticFiles::new().folder("/static", "nowhere").is_err());
        assert!(StaticFiles::new().folder("/static", ".").is_ok());
    }
}
