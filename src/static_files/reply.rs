//! The answer to a request for a file: its head, and the pieces of its body.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use super::coding::{self, Coding};
use super::conditions::{Conditions, Validators, Verdict};
use super::expires::{Expiry, Sent, expires};
use super::folder::Opened;
use super::multipart::{Multipart, content_range};
use super::ranges::{self, Ranges};
use super::{head, media_type};
use crate::application::environ::Environ;
use crate::application::response_head::ResponseHead;
use crate::application::{Data, FilePart};
use crate::limits::Limits;

/// What is sent.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The file, or the folder, that was asked for.
    pub(crate) path: PathBuf,
    pub(crate) head: ResponseHead,
    /// The body, piece by piece; nothing for HEAD.
    pub(crate) pieces: Vec<Data>,
    /// Why the file cannot be read, where that is the reason.
    pub(crate) failure: Option<io::Error>,
}

impl Reply {
    /// A status with its name as the text.
    pub(super) fn short(environ: &Environ, path: PathBuf, status: &str, fields: &[(&str, &str)]) -> Self {
        let text = format!("{}\n", status.get(4..).unwrap_or_default());
        let length = text.len().to_string();
        let own = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", &length)];
        let head = head(status, &[&own, fields].concat());
        let pieces = if environ.method() == b"HEAD" { Vec::new() } else { vec![Data::Chunk(text.into())] };
        Reply { path, head, pieces, failure: None }
    }

    /// The file is not to be read: by nobody, or not now.
    pub(super) fn failure(environ: &Environ, path: PathBuf, error: io::Error) -> Self {
        let status = match error.kind() {
            io::ErrorKind::PermissionDenied => "403 Forbidden",
            _ => "500 Internal Server Error",
        };
        Reply { failure: Some(error), ..Reply::short(environ, path, status, &[]) }
    }
}

/// A file, and what lies beside it in other codings.
pub(super) struct Representations {
    /// Where it lies, without a coding's suffix.
    pub(super) path: PathBuf,
    pub(super) file: Opened,
    pub(super) coded: Vec<(Coding, Opened)>,
}

/// For how long the file may be kept.
pub(super) struct Caching<'a> {
    /// Cache-Control.
    pub(super) control: Option<&'a str>,
    pub(super) expiries: &'a [Expiry],
}

/// What of a request has a say.
pub(super) struct Asked<'a> {
    environ: &'a Environ,
    /// Now.
    date: &'a [u8],
    conditions: Conditions<'a>,
    accept_encoding: &'a [u8],
    /// Of a GET: of other methods it means nothing (RFC 9110 section 14.2).
    range: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(environ: &'a Environ, date: &'a [u8]) -> Self {
        Asked {
            environ,
            date,
            conditions: Conditions {
                if_match: environ.get("HTTP_IF_MATCH"),
                if_unmodified_since: environ.get("HTTP_IF_UNMODIFIED_SINCE"),
                if_none_match: environ.get("HTTP_IF_NONE_MATCH"),
                if_modified_since: environ.get("HTTP_IF_MODIFIED_SINCE"),
                if_range: environ.get("HTTP_IF_RANGE"),
            },
            accept_encoding: environ.get("HTTP_ACCEPT_ENCODING").unwrap_or_default(),
            range: environ.get("HTTP_RANGE").filter(|_| environ.method() == b"GET"),
        }
    }

    /// The answer, of what there is of the file.
    pub(super) fn answer(&self, mut there: Representations, caching: &Caching<'_>, limits: &Limits) -> Reply {
        if !matches!(self.environ.method(), b"GET" | b"HEAD") {
            return Reply::short(
                self.environ,
                there.path,
                "405 Method Not Allowed",
                &[("Allow", "GET, HEAD")],
            );
        }
        let varies = !there.coded.is_empty();
        let coding = coding::choose(self.accept_encoding, there.coded.iter().map(|(coding, _)| *coding));
        let at = there.coded.iter().position(|(one, _)| Some(*one) == coding);
        let Opened { file, metadata } = match at {
            Some(at) => there.coded.swap_remove(at).1,
            None => there.file,
        };
        let coding = coding.map(Coding::name);
        let validators = Validators::new(metadata.len(), metadata.mtime(), coding);

        let mut fields =
            vec![("Last-Modified", validators.last_modified()), ("ETag", validators.etag.clone())];
        fields.extend(caching.control.map(|value| ("Cache-Control", value.to_owned())));
        if !caching.expiries.is_empty() {
            let sent = Sent {
                environ: self.environ,
                file: there.path.as_os_str().as_bytes(),
                media_type: &media_type::of(&there.path),
                modified: validators.modified(),
                date: self.date,
            };
            fields.extend(expires(caching.expiries, &sent).map(|value| ("Expires", value)));
        }
        fields.extend(varies.then(|| ("Vary", "Accept-Encoding".to_owned())));
        match self.conditions.weigh(&validators) {
            Verdict::Proceed => {}
            Verdict::NotModified => {
                let head = head("304 Not Modified", &fields);
                return Reply { path: there.path, head, pieces: Vec::new(), failure: None };
            }
            Verdict::Failed => return Reply::short(self.environ, there.path, "412 Precondition Failed", &[]),
        }
        fields.extend(coding.map(|name| ("Content-Encoding", name.to_owned())));
        let content = Content { file: Arc::new(file), len: metadata.len(), path: there.path };
        let range = self.range.filter(|_| self.conditions.ranges_hold(&validators));
        match range.map_or(Ranges::All, |range| ranges::select(range, content.len, limits.ranges_count_max)) {
            Ranges::All => content.whole(fields, self.environ.method() == b"HEAD"),
            Ranges::Pieces(pieces) => content.pieces(fields, &pieces),
            Ranges::Unsatisfiable => {
                let all = format!("bytes */{}", content.len);
                Reply::short(
                    self.environ,
                    content.path,
                    "416 Range Not Satisfiable",
                    &[("Content-Range", &all)],
                )
            }
        }
    }
}

/// The file that is sent.
struct Content {
    file: Arc<File>,
    len: u64,
    path: PathBuf,
}

impl Content {
    fn whole(self, mut fields: Vec<(&str, String)>, is_head: bool) -> Reply {
        fields.push(("Accept-Ranges", "bytes".to_owned()));
        fields.push(("Content-Type", media_type::of(&self.path)));
        fields.push(("Content-Length", self.len.to_string()));
        let pieces = if is_head { Vec::new() } else { vec![self.piece(0..self.len)] };
        Reply { path: self.path, head: head("200 OK", &fields), pieces, failure: None }
    }

    fn pieces(self, mut fields: Vec<(&str, String)>, ranges: &[Range<u64>]) -> Reply {
        let media_type = media_type::of(&self.path);
        let mut pieces = Vec::new();
        if let [range] = ranges {
            pieces.push(self.piece(range.clone()));
            fields.push(("Content-Range", content_range(range, self.len)));
            fields.push(("Content-Type", media_type));
        } else {
            let multipart = Multipart::new(&media_type, self.len);
            for (at, range) in ranges.iter().enumerate() {
                pieces.push(Data::Chunk(multipart.before(range, at == 0).into()));
                pieces.push(self.part(range.clone()));
            }
            pieces.push(Data::Chunk(multipart.end().into()));
            fields.push(("Content-Type", multipart.media_type()));
        }
        let len: u64 = pieces.iter().map(Data::len).sum();
        fields.push(("Content-Length", len.to_string()));
        Reply { path: self.path, head: head("206 Partial Content", &fields), pieces, failure: None }
    }

    /// A piece that is all of the body. A short one goes with the head, in one write.
    fn piece(&self, range: Range<u64>) -> Data {
        let len = range.end - range.start;
        if len <= READ_BYTES_MAX {
            let mut bytes = vec![0; len as usize];
            if self.file.read_exact_at(&mut bytes, range.start).is_ok() {
                return Data::Chunk(bytes.into());
            }
            // It has become shorter: what there is of it is sent, and then the response is broken off.
        }
        self.part(range)
    }

    fn part(&self, range: Range<u64>) -> Data {
        let (offset, len) = (range.start, range.end - range.start);
        Data::File(FilePart { file: Arc::clone(&self.file), offset, len })
    }
}

/// A file that is read, and not sent by sendfile, bytes: to copy so much costs less than a second system call.
const READ_BYTES_MAX: u64 = 16 << 10;
