//! Unix sockets that listen: the file in its way, its mode and owner, and its removal.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};
use std::process;

use log::debug;
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use nix::unistd::{AccessFlags, access};
use socket2::{Domain, SockAddr, Socket, Type};

use super::{Address, ListenError, ListenOptions};

/// The longest path or abstract name, bytes: unix(7)'s sun_path is 108 bytes, of which one is a NUL.
const NAME_BYTES_MAX: usize = 107;

/// Binds the socket file `path`, in place of one on which no process listens any more.
///
/// Until `listen`, its last step, no peer can connect; and at no time are its permissions wider than those that
/// were asked for: Linux makes the file with the mode of the socket's inode less the umask, so `fchmod` comes
/// before `bind`.
pub(super) fn bind(path: &Path, options: &ListenOptions) -> Result<(Socket, SocketFile), ListenError> {
    let (path, name) = place(path)?;
    remove_stale(&path, &name)?;

    let failed = |act, error: io::Error| ListenError::system(&*path, act, &error);
    let mode = Mode::from_bits_truncate(options.socket_mode & 0o777);
    let socket = open().map_err(|error| failed("open a socket", error))?;
    fchmod(&socket, mode).map_err(|error| failed("set its mode", error.into()))?;
    socket.bind(&name).map_err(|error| failed("make the socket", error))?;
    let identity = identity(&path).map_err(|error| failed("find the socket", error))?;
    // From here on a failure leaves no file behind.
    let file = SocketFile { path: path.clone(), identity, owner: Some(process::id()) };
    if let Some(owner) = options.socket_owner {
        lchown(&path, owner.user, owner.group).map_err(|error| cannot_give(&path, &error))?;
    }
    // Never through a link: in a directory that others write to, one may have taken the file's place.
    fchmodat(AT_FDCWD, &path, mode, FchmodatFlags::NoFollowSymlink)
        .map_err(|error| failed("set its mode", error.into()))?;
    listen(&socket, options.backlog).map_err(|error| failed("listen", error))?;
    Ok((socket, file))
}

/// Binds the abstract name `name`.
pub(super) fn bind_abstract(name: &[u8], options: &ListenOptions) -> Result<Socket, ListenError> {
    check_abstract(name)?;
    let address = || Address::Abstract(name.to_vec());
    let failed = |error: io::Error| ListenError::system(address(), "listen", &error);
    let full = [b"\0", name].concat();
    let socket = open().map_err(failed)?;
    socket.bind(&SockAddr::unix(OsStr::from_bytes(&full)).map_err(failed)?).map_err(failed)?;
    listen(&socket, options.backlog).map_err(failed)?;
    Ok(socket)
}

/// Says why no socket could be made at `path`, as far as that can be known without making it: another server that
/// listens there may be the one that this one is to follow.
pub(super) fn check(path: &Path) -> Result<(), ListenError> {
    let (path, _) = place(path)?;
    is_socket(&path)?;
    let folder = path.parent().unwrap_or(&path);
    let failed = |error| ListenError::system(&*path, "make the socket", &error);
    // With the dot, a file in the folder's place is an error too.
    fs::metadata(folder.join(".")).map_err(failed)?;
    access(folder, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|error| failed(error.into()))
}

/// Says why no socket could have this abstract name.
pub(super) fn check_abstract(name: &[u8]) -> Result<(), ListenError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(ListenError::refused(Address::Abstract(name.to_vec()), too_long("name", name.len())));
    }
    Ok(())
}

/// Where the socket's file is, which must not depend on the working directory: it is printed for nginx, and removed at the
/// end.
fn place(path: &Path) -> Result<(PathBuf, SockAddr), ListenError> {
    let path =
        std::path::absolute(path).map_err(|error| ListenError::system(path, "find its place", &error))?;
    let name = SockAddr::unix(&path);
    let bytes = path.as_os_str().len();
    match name {
        Ok(name) if bytes <= NAME_BYTES_MAX => Ok((path, name)),
        _ => Err(ListenError::refused(&*path, too_long("path", bytes))),
    }
}

/// The file of a socket that we bound. It is removed when this is dropped, if it is still that file, and this process
/// is still the one that owns it.
///
/// Drop it before the socket: while that is open, the kernel gives the inode's number to no other file.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
    /// The process that removes it: a forked child has a copy of this, and must leave the file.
    owner: Option<u32>,
}

impl SocketFile {
    /// The file of a socket that another process bound, and removes until it is said to be ours.
    pub(super) fn of_another(path: &Path) -> io::Result<Self> {
        Ok(SocketFile { path: path.to_owned(), identity: identity(path)?, owner: None })
    }

    /// It is this process's from here on.
    pub(super) fn own(&mut self) {
        self.owner = Some(process::id());
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours =
            self.owner == Some(process::id()) && identity(&self.path).is_ok_and(|now| now == self.identity);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            // As after a change of user. The next start replaces the file.
            debug!("{} stays behind: {error}", self.path.display());
        }
    }
}

/// The device and inode of the file at `path` itself, not of one that it links to.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

fn open() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn listen(socket: &Socket, backlog: u32) -> io::Result<()> {
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))
}

/// Makes way at `path`, whose socket address is `name`: removes a socket that refuses connections, nothing else.
///
/// Two servers that start in the same instant could each take the other's for stale, between its bind and its
/// listen. A lock file would cure that, at the price of a file that stays.
fn remove_stale(path: &Path, name: &SockAddr) -> Result<(), ListenError> {
    if !is_socket(path)? {
        return Ok(());
    }
    let failed = |act, error: io::Error| ListenError::system(path, act, &error);
    let probe = open().map_err(|error| failed("open a socket", error))?;
    let Err(error) = probe.connect(name) else { return Err(live(path)) };
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED) => match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(failed("remove the stale socket", error))
            }
            _ => Ok(()),
        },
        Some(Errno::ENOENT) => Ok(()),
        // Its backlog is full; or it takes datagrams.
        Some(Errno::EAGAIN | Errno::EPROTOTYPE) => Err(live(path)),
        Some(Errno::EACCES | Errno::EPERM) => {
            let why = "a socket is there, and this user may not ask whether a server listens on it; \
                       start as its owner, or choose another path";
            Err(ListenError::refused(path, why))
        }
        _ => Err(failed("ask whether a server listens there", error)),
    }
}

/// Whether a socket is there; if it is something else, it is in the way.
fn is_socket(path: &Path) -> Result<bool, ListenError> {
    let no_socket = "what is there is no socket, and stays; choose another path";
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => Ok(true),
        Ok(_) => Err(ListenError::refused(path, no_socket)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(ListenError::system(path, "look at it", &error)),
    }
}

fn live(path: &Path) -> ListenError {
    ListenError::refused(path, "another server is listening on it; stop that one, or choose another path")
}

fn cannot_give(path: &Path, error: &io::Error) -> ListenError {
    let cure = "start as root, or choose a group that this user is in (:GROUP)";
    ListenError::refused(path, format!("cannot set its owner: {error}: {cure}"))
}

fn too_long(what: &str, bytes: usize) -> String {
    format!(
        "the {what} of a unix socket has 1 to {NAME_BYTES_MAX} bytes, this one {bytes}; choose a shorter one"
    )
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

    use nix::unistd::{Gid, Uid};

    use super::super::tests::{accept, listen, refusal};
    use super::super::{Inherited, Listener, Owner, Peer};
    use super::*;
    use crate::protocol::ProtocolName;

    /// A path in a folder that goes at the end.
    fn place() -> (tempfile::TempDir, PathBuf, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let text = path.to_str().unwrap().to_owned();
        (folder, path, text)
    }

    fn listen_as(path: &Path, options: &ListenOptions) -> Result<Listener, ListenError> {
        let address = Address::Unix(path.to_owned());
        Listener::bind(ProtocolName::Uwsgi, &address, options, &mut Inherited::none())
            .map(|mut all| all.remove(0))
    }

    #[test]
    fn a_file_is_made_and_removed() {
        let (_folder, path, text) = place();
        let mut listener = listen(&text);
        assert_eq!(listener.address(), format!("unix:{text}"));
        let _client = UnixStream::connect(&path).unwrap();
        assert_eq!(accept(&mut listener).1, Peer::Unix);
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_took_its_place_stays() {
        let (_folder, path, text) = place();
        let first = listen(&text);
        fs::remove_file(&path).unwrap();
        let second = listen(&text);
        drop(first);
        assert!(UnixStream::connect(&path).is_ok());
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn mode_and_owner_are_exactly_those_asked_for() {
        let (_folder, path, text) = place();
        let mode = || fs::metadata(&path).unwrap().mode() & 0o7777;
        let listener = listen(&text);
        assert_eq!(mode(), 0o660);
        drop(listener);
        let root = Uid::effective().is_root();
        let (user, group) =
            if root { (12_345, 54_321) } else { (Uid::effective().as_raw(), Gid::effective().as_raw()) };
        for socket_mode in [0o666, 0o600, 0o000, 0o622] {
            let socket_owner = Some(Owner { user: Some(user), group: Some(group) });
            let options = ListenOptions { socket_mode, socket_owner, ..ListenOptions::default() };
            let _listener = listen_as(&path, &options).unwrap();
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!((mode(), metadata.uid(), metadata.gid()), (socket_mode, user, group));
        }
    }

    #[test]
    fn a_stale_file_is_replaced_and_a_live_one_is_not() {
        let (_folder, path, text) = place();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves the file behind");
        let listener = listen(&text);
        assert!(UnixStream::connect(&path).is_ok());

        let line = refusal(&text);
        assert_eq!(
            line,
            format!("unix:{text}: another server is listening on it; stop that one, or choose another path")
        );
        assert!(UnixStream::connect(&path).is_ok(), "the live one was hurt");
        drop(listener);

        let _datagrams = UnixDatagram::bind(&path).unwrap();
        assert!(refusal(&text).contains("another server"));
        assert!(path.exists());
    }

    #[test]
    fn a_live_one_whose_backlog_is_full_is_no_stale_one() {
        let (_folder, path, text) = place();
        let _listener = listen_as(&path, &ListenOptions { backlog: 0, ..ListenOptions::default() }).unwrap();
        let _waiting = UnixStream::connect(&path).unwrap();
        assert!(refusal(&text).contains("another server"));
    }

    #[test]
    fn what_is_no_socket_stays() {
        let (folder, path, text) = place();
        fs::write(&path, "precious").unwrap();
        assert!(refusal(&text).contains("is no socket, and stays"));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(refusal(link.to_str().unwrap()).contains("is no socket"));
        assert!(refusal(folder.path().to_str().unwrap()).contains("is no socket"));
    }

    #[test]
    fn a_path_that_cannot_be_is_one_line() {
        let (folder, path, text) = place();
        let line = refusal(&format!("{}/none/x.sock", folder.path().display()));
        assert!(line.contains("make its directory first"), "{line}");
        fs::write(&path, "").unwrap();
        let line = refusal(&format!("{text}/x.sock"));
        assert!(line.contains("a part of the path is no directory"), "{line}");
    }

    #[test]
    fn a_failure_after_the_bind_leaves_no_file() {
        let (folder, path, _) = place();
        if Uid::effective().is_root() {
            println!("root may set any owner: not tested");
            return;
        }
        let socket_owner = Some(Owner { user: Some(0), group: None });
        let error =
            listen_as(&path, &ListenOptions { socket_owner, ..ListenOptions::default() }).err().unwrap();
        assert!(error.to_string().contains("cannot set its owner"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_path_may_have_107_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let base = format!("{}/", folder.path().display());
        let path = |bytes: usize| format!("{base}{}", "x".repeat(bytes - base.len()));
        drop(listen(&path(107)));
        let line = refusal(&path(108));
        assert!(line.contains("1 to 107 bytes, this one 108"), "{line}");
    }

    #[test]
    fn an_abstract_name_needs_no_file() {
        let name = format!("tidegate-test-{}", std::process::id());
        let mut listener = listen(&format!("@{name}"));
        assert_eq!(listener.address(), format!("@{name}"));
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let _client = UnixStream::connect_addr(&address).unwrap();
        assert_eq!(accept(&mut listener).1, Peer::Unix);
        let line = refusal(&format!("@{name}"));
        assert!(line.contains("ss -ltnxp"), "{line}");
        assert!(refusal(&format!("@{}", "x".repeat(108))).contains("the name of a unix socket has 1 to 107"));
        listen(&format!("@{:x<107}", format!("{name}-long")));
    }
}
