//! Where lines are to go, as `--log-file` and `--access-log-file` name it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::syslog::{FACILITIES, Syslog};
use crate::net::datagram::DatagramAddress;

/// A file, or who takes lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LogTarget {
    /// `-`: stdout, or for the log stderr.
    Standard,
    File(PathBuf),
    /// A descriptor that the process was started with.
    Descriptor(u32),
    /// A line a datagram; in syslog's form, if it is one.
    Datagrams(DatagramAddress, Option<Syslog>),
}

impl LogTarget {
    /// The file, if it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            LogTarget::File(path) => Some(path),
            _ => None,
        }
    }
}

impl FromStr for LogTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('\0') || text.is_empty() {
            return Err(
                "write a file, - , syslog:NAME, syslog://HOST, udp://HOST:PORT, unix:PATH or fd:N".to_owned()
            );
        }
        if let Some(rest) = text.strip_prefix("syslog://") {
            let (host, name) = rest.split_once('/').unwrap_or((rest, ""));
            let address = udp(host, Some(514))?;
            return Ok(LogTarget::Datagrams(address, Some(syslog(name)?)));
        }
        if let Some(name) = text.strip_prefix("syslog:").or((text == "syslog").then_some("")) {
            let address = DatagramAddress::Unix(PathBuf::from("/dev/log"));
            return Ok(LogTarget::Datagrams(address, Some(syslog(name)?)));
        }
        if let Some(host) = text.strip_prefix("udp://") {
            return Ok(LogTarget::Datagrams(udp(host, None)?, None));
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(LogTarget::Datagrams(DatagramAddress::Unix(path.into()), None));
        }
        if let Some(number) = text.strip_prefix("fd:") {
            let number = number.parse().map_err(|_| "write fd:N, the number of a descriptor".to_owned())?;
            return Ok(LogTarget::Descriptor(number));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("{scheme}:// is not known; syslog:// and udp:// are"));
        }
        Ok(if text == "-" { LogTarget::Standard } else { LogTarget::File(text.into()) })
    }
}

/// `NAME,FACILITY`, of which either may be left out.
fn syslog(text: &str) -> Result<Syslog, String> {
    let (name, facility) = text.split_once(',').unwrap_or((text, "daemon"));
    let Some(number) = FACILITIES.iter().find(|(known, _)| *known == facility).map(|(_, number)| *number)
    else {
        let all: Vec<&str> = FACILITIES.iter().map(|(name, _)| *name).collect();
        return Err(format!("syslog has no facility {facility:?}; it has {}", all.join(", ")));
    };
    let name = if name.is_empty() { "tidegate" } else { name };
    if !name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'[' | b':')) || name.len() > 48 {
        return Err(format!("syslog's name {name:?} is of letters, digits and the like, and of 48 at most"));
    }
    Ok(Syslog { name: name.to_owned(), facility: number })
}

/// `HOST:PORT` or `[V6]:PORT`.
fn udp(text: &str, default: Option<u16>) -> Result<DatagramAddress, String> {
    let form = || "write HOST:PORT or [V6]:PORT".to_owned();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse::<u16>().map_err(|_| form())?)),
        _ => (text, None),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match port.or(default) {
        Some(port) if !host.is_empty() && port > 0 => {
            Ok(DatagramAddress::Udp { host: host.to_owned(), port })
        }
        _ => Err(form()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        let udp = |host: &str, port| DatagramAddress::Udp { host: host.to_owned(), port };
        let log = |name: &str, facility| Some(Syslog { name: name.to_owned(), facility });
        let dev_log = DatagramAddress::Unix("/dev/log".into());
        for (text, want) in [
            ("-", LogTarget::Standard),
            ("/var/log/x.log", LogTarget::File("/var/log/x.log".into())),
            ("syslog.log", LogTarget::File("syslog.log".into())),
            ("syslog", LogTarget::Datagrams(dev_log.clone(), log("tidegate", 3))),
            ("syslog:shop", LogTarget::Datagrams(dev_log.clone(), log("shop", 3))),
            ("syslog:shop,local6", LogTarget::Datagrams(dev_log, log("shop", 22))),
            ("syslog://log.example", LogTarget::Datagrams(udp("log.example", 514), log("tidegate", 3))),
            ("syslog://[::1]:5514/shop,user", LogTarget::Datagrams(udp("::1", 5514), log("shop", 1))),
            ("udp://127.0.0.1:1717", LogTarget::Datagrams(udp("127.0.0.1", 1717), None)),
            ("unix:/run/x", LogTarget::Datagrams(DatagramAddress::Unix("/run/x".into()), None)),
            ("fd:3", LogTarget::Descriptor(3)),
        ] {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        for text in
            ["", "syslog:x,nothing", "syslog:a b", "udp://x", "udp://:1", "udp://x:0", "fd:x", "tcp://x:1"]
        {
            assert!(text.parse::<LogTarget>().is_err(), "{text}");
        }
    }
}
