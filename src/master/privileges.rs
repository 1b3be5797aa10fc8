//! Root's rights, given up for good.

use std::error::Error;
use std::ffi::CString;
use std::fmt;

use nix::unistd::{
    Gid, Group, Uid, User, getegid, geteuid, getgrouplist, getgroups, getresgid, getresuid, setgid,
    setgroups, setuid,
};

/// The user and the group that the process is to run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    user: Option<User>,
    group: Option<Group>,
}

/// Why the process does not run as it was to. It must not serve.
#[derive(Debug)]
pub(crate) struct PrivilegeError(String);

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for PrivilegeError {}

impl Identity {
    /// The user and the group of these names or numbers; a user's own group where none is named.
    pub(crate) fn find(user: Option<&str>, group: Option<&str>) -> Result<Self, PrivilegeError> {
        let user = user.map(|name| {
            let by_number = name.parse().ok().map(|number| User::from_uid(Uid::from_raw(number)));
            found(by_number.unwrap_or_else(|| User::from_name(name)), "user", name)
        });
        let group = group.map(|name| {
            let by_number = name.parse().ok().map(|number| Group::from_gid(Gid::from_raw(number)));
            found(by_number.unwrap_or_else(|| Group::from_name(name)), "group", name)
        });
        let (user, group) = (user.transpose()?, group.transpose()?);
        Ok(Identity { user, group })
    }

    /// The user's number, if one was named.
    pub(crate) fn uid(&self) -> Option<u32> {
        self.user.as_ref().map(|user| user.uid.as_raw())
    }

    /// The group's number: the one that was named, or the user's own.
    pub(crate) fn gid(&self) -> Option<u32> {
        let own = self.user.as_ref().map(|user| user.gid);
        self.group.as_ref().map(|group| group.gid).or(own).map(Gid::as_raw)
    }

    /// All groups that a process has as this user and group: the user's of /etc/group too.
    pub(super) fn groups(&self) -> nix::Result<Vec<Gid>> {
        match (&self.user, self.gid().map(Gid::from_raw)) {
            (Some(user), Some(gid)) => {
                let name = CString::new(user.name.as_bytes()).map_err(|_| nix::Error::EINVAL)?;
                getgrouplist(&name, gid)
            }
            (_, gid) => Ok(gid.into_iter().collect()),
        }
    }

    /// Whether this process is that user and group already.
    pub(super) fn is_own(&self) -> bool {
        self.uid().is_none_or(|uid| uid == geteuid().as_raw())
            && self.gid().is_none_or(|gid| gid == getegid().as_raw())
    }

    /// Whether this process, or a child of it, is this user and group already or may become it.
    pub(super) fn can_be_assumed(&self) -> bool {
        self.is_own() || geteuid().is_root()
    }

    /// Becomes this user and group: groups first, as a user without root's rights may change none, each step checked;
    /// then tries to become root again, which must fail.
    ///
    /// A process that is this user already, as a new master is, stays what it is.
    pub(crate) fn assume(&self) -> Result<(), PrivilegeError> {
        let Some(gid) = self.gid().map(Gid::from_raw) else { return Ok(()) };
        let uid = self.user.as_ref().map(|user| user.uid);
        if self.is_own() {
            return self.check(uid, gid);
        }
        if !geteuid().is_root() {
            let why = "--user and --group: only root can become another; start as root, or leave them out (systemd: User=)";
            return Err(PrivilegeError(why.to_owned()));
        }
        let step = |what: &str, done: nix::Result<()>| {
            done.map_err(|error| PrivilegeError(format!("cannot give up root's rights: {what}: {error}")))
        };
        // The user's of /etc/group too, so that files of a shared group can be read.
        step("setgroups", self.groups().and_then(|groups| setgroups(&groups)))?;
        step("setgid", setgid(gid))?;
        if let Some(uid) = uid {
            step("setuid", setuid(uid))?;
        }
        self.check(uid, gid)
    }

    fn check(&self, uid: Option<Uid>, gid: Gid) -> Result<(), PrivilegeError> {
        let failed = |what: &str| PrivilegeError(format!("root's rights are not given up: {what}"));
        let groups = getresgid().map_err(|error| failed(&format!("getresgid: {error}")))?;
        if [groups.real, groups.effective, groups.saved].iter().any(|one| *one != gid) {
            return Err(failed("a group of the process is another"));
        }
        let Some(uid) = uid else { return Ok(()) };
        let users = getresuid().map_err(|error| failed(&format!("getresuid: {error}")))?;
        if [users.real, users.effective, users.saved].iter().any(|one| *one != uid) {
            return Err(failed("a user of the process is another"));
        }
        if uid.is_root() {
            return Ok(());
        }
        if setuid(Uid::from_raw(0)).is_ok() || (gid.as_raw() != 0 && setgid(Gid::from_raw(0)).is_ok()) {
            return Err(failed("they can be had again"));
        }
        let others = getgroups().map_err(|error| failed(&format!("getgroups: {error}")))?;
        let is_roots = |group: &Gid| group.as_raw() == 0 && *group != gid;
        if others.iter().any(is_roots) && !self.is_in_roots_group() {
            return Err(failed("the process is still in root's group"));
        }
        Ok(())
    }

    /// Whether /etc/group itself puts the user there.
    fn is_in_roots_group(&self) -> bool {
        let Some(user) = &self.user else { return false };
        Group::from_gid(Gid::from_raw(0)).ok().flatten().is_some_and(|group| group.mem.contains(&user.name))
    }
}

/// The user or group that the option `--KIND NAME` names.
fn found<T>(looked: nix::Result<Option<T>>, kind: &str, name: &str) -> Result<T, PrivilegeError> {
    match looked {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(PrivilegeError(format!("--{kind}: there is no {kind} {name:?} on this machine"))),
        Err(error) => Err(PrivilegeError(format!("--{kind}: users and groups cannot be looked up: {error}"))),
    }
}
