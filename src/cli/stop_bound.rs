//! How long systemd lets this service stop: what `--drain` and `--grace` want has to fit into it.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use log::{debug, warn};

/// Says so if systemd will kill what is still to be answered.
pub(super) fn warn_if_short(drain: Duration, grace: Duration) {
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(unit) = Unit::of(&cgroups) else { return };
    let Some(bound) = unit.ask() else { return };
    let wanted = drain + grace;
    if wanted >= bound {
        warn!(
            "--drain and --grace take up to {} s at a stop, and systemd kills {} after {} s: set TimeoutStopSec={} there, or \
             lower them",
            wanted.as_secs_f64(),
            unit.name,
            bound.as_secs_f64(),
            (wanted + MARGIN).as_secs()
        );
    }
}

/// A service of systemd.
struct Unit<'a> {
    name: &'a str,
    /// It is a user's own, and not the machine's.
    is_users: bool,
}

impl<'a> Unit<'a> {
    /// The service whose control group this is, by what /proc/self/cgroup says; none outside of systemd, and in a container.
    fn of(cgroups: &'a str) -> Option<Self> {
        let path = cgroups.lines().find_map(|line| {
            line.strip_prefix("0::").or_else(|| line.split_once(":name=systemd:").map(|(_, path)| path))
        })?;
        let name = path.rsplit('/').find(|part| part.ends_with(".service"))?;
        let is_users = path.contains("/user@");
        (!name.starts_with("user@")).then_some(Unit { name, is_users })
    }

    /// Its TimeoutStopSec; `None` if systemd does not tell, or has no bound.
    fn ask(&self) -> Option<Duration> {
        let path = format!("/org/freedesktop/systemd1/unit/{}", path_label(self.name));
        let mut busctl = Command::new("busctl");
        busctl.arg(if self.is_users { "--user" } else { "--system" });
        busctl.args(["--timeout=2", "get-property", "org.freedesktop.systemd1", &path]);
        busctl.args(["org.freedesktop.systemd1.Service", "TimeoutStopUSec"]).stdin(Stdio::null());
        match busctl.output() {
            Ok(output) => bound(&String::from_utf8_lossy(&output.stdout)),
            Err(error) => {
                debug!("how long systemd lets this service stop is not known: busctl: {error}");
                None
            }
        }
    }
}

/// The time that busctl has printed: a type, and microseconds, of which the greatest number is no bound.
fn bound(printed: &str) -> Option<Duration> {
    let micros = printed.trim().strip_prefix("t ")?.parse().ok()?;
    (micros < u64::MAX).then(|| Duration::from_micros(micros))
}

/// A unit's name as a part of a D-Bus path: what is no letter and no digit is its number, and so is a digit in front.
fn path_label(name: &str) -> String {
    let written = |(at, byte): (usize, u8)| match byte {
        b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        b'0'..=b'9' if at > 0 => char::from(byte).to_string(),
        byte => format!("_{byte:02x}"),
    };
    name.bytes().enumerate().map(written).collect()
}

/// What systemd is to wait beyond both, for the end of the processes themselves.
const MARGIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_its_control_group() {
        let named = |text| Unit::of(text).map(|unit| (unit.name.to_owned(), unit.is_users));
        assert_eq!(
            named("0::/system.slice/tidegate.service\n"),
            Some(("tidegate.service".to_owned(), false))
        );
        let mixed =
            "4:cpu:/\n1:name=systemd:/system.slice/system-tidegate.slice/tidegate@shop.service\n0::/\n";
        assert_eq!(named(mixed), Some(("tidegate@shop.service".to_owned(), false)));
        let users = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/tidegate.service\n";
        assert_eq!(named(users), Some(("tidegate.service".to_owned(), true)));
        for none in ["0::/\n", "", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n"] {
            assert_eq!(named(none), None, "{none}");
        }
    }

    #[test]
    fn busctl_is_asked_and_understood() {
        assert_eq!(path_label("tidegate@shop.service"), "tidegate_40shop_2eservice");
        assert_eq!(path_label("9-a"), "_39_2da");
        assert_eq!(bound("t 45000000\n"), Some(Duration::from_secs(45)));
        assert_eq!(bound("t 18446744073709551615\n"), None);
        assert_eq!(bound(""), None);
    }
}
