//! A line, put together at the request's end.

use std::io::Write;
use std::time::Duration;

use super::calendar::Calendar;
use super::escape::Escape;
use super::facts::Facts;
use super::fields::{Known, Time, Told};
use super::format::{Format, Piece};
use super::{Counts, Request};
use crate::net::stream::Peer;
use crate::process::memory::Memory;
use crate::telemetry::local_time::{LocalTime, since_1970};
use crate::telemetry::observer::Summary;

/// What writes lines: the texts of the times are kept between two.
#[derive(Default)]
pub(super) struct LineWriter {
    calendar: Calendar,
    /// A text for each time of the format that is the machine's.
    local: Vec<LocalTime>,
    line: Vec<u8>,
}

/// A request that is over, as a line tells of it.
pub(super) struct Ended<'a> {
    pub(super) summary: &'a Summary<'a>,
    pub(super) request: &'a Request,
    /// For how long it was served.
    pub(super) all: Duration,
    pub(super) worker: Option<u32>,
    pub(super) pid: u32,
    pub(super) counts: Counts,
}

impl LineWriter {
    /// The line of a request.
    pub(super) fn line(&mut self, format: &Format, ended: &Ended<'_>) -> &[u8] {
        let LineWriter { calendar, local, line } = self;
        line.clear();
        let mut local_at = 0;
        for piece in &format.pieces {
            match piece {
                Piece::Text(text) => line.extend_from_slice(text.as_bytes()),
                Piece::Told { at, or_nothing } => {
                    let (told, escape) = &format.told[*at];
                    let absent = if *or_nothing { "" } else { format.absent };
                    write_told(line, told, escape, ended.request.captured.part(*at), absent, ended.summary);
                }
                Piece::Time(Time::Date) => calendar.write_date(line),
                Piece::Time(Time::Common) => calendar.write_common(line),
                Piece::Time(Time::Local { form, of_start }) => {
                    if local.len() == local_at {
                        local.push(LocalTime::default());
                    }
                    let since =
                        since_1970().saturating_sub(if *of_start { ended.all } else { Duration::ZERO });
                    line.extend_from_slice(local[local_at].text(form, since).as_bytes());
                    local_at += 1;
                }
                Piece::BadEnding if ended.summary.timed_out || !ended.summary.complete => {
                    line.push(b' ');
                    line.extend_from_slice(ending(ended.summary).as_bytes());
                }
                Piece::BadEnding => {}
                Piece::JsonEnding => {
                    write!(line, "\"{}\"", ending(ended.summary)).expect("a Vec takes every write");
                }
                Piece::Known(Known::Peer) => {
                    write!(line, "{}", ended.summary.peer).expect("a Vec takes every write");
                }
                Piece::Known(Known::Ending) => line.extend_from_slice(ending(ended.summary).as_bytes()),
                Piece::Known(Known::ThreeDigits) if ended.summary.code == 0 => line.extend_from_slice(b"000"),
                Piece::Known(Known::Seconds) => {
                    let (whole, micros) = (ended.all.as_secs(), ended.all.subsec_micros());
                    write!(line, "{whole}.{micros:06}").expect("a Vec takes every write");
                }
                Piece::Known(known) => match number(*known, ended) {
                    Some(number) => {
                        line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                    }
                    None => line.extend_from_slice(format.absent.as_bytes()),
                },
            }
        }
        line.push(b'\n');
        line
    }
}

fn write_told(
    line: &mut Vec<u8>,
    told: &Told,
    escape: &Escape,
    part: &[u8],
    absent: &str,
    summary: &Summary<'_>,
) {
    match (part, told, summary.peer) {
        (b"", Told::Client | Told::ForwardedFor, Peer::Tcp(address)) => {
            escape.write(address.ip().to_canonical().to_string().as_bytes(), line);
        }
        (b"", Told::Client | Told::ForwardedFor, Peer::Unix) => escape.write(b"unix", line),
        (b"", Told::Noted(name), _) => match summary.note(name).filter(|value| !value.is_empty()) {
            Some(value) => escape.write(&value, line),
            None => line.extend_from_slice(absent.as_bytes()),
        },
        (b"", ..) => line.extend_from_slice(absent.as_bytes()),
        (part, ..) => line.extend_from_slice(part),
    }
}

/// What is a number; `None` if it is not known.
fn number(known: Known, ended: &Ended<'_>) -> Option<u128> {
    let Ended { summary, request, all, .. } = *ended;
    let facts = |of: fn(&Facts) -> u128| request.facts.as_ref().map(of);
    let memory = |of: fn(Memory) -> u64| Some(u128::from(of(Memory::of(ended.pid)?)));
    let began = || since_1970().saturating_sub(all);
    match known {
        Known::Status | Known::ThreeDigits => Some(summary.code.into()),
        Known::Bytes => Some(summary.bytes.into()),
        Known::BodyBytes => Some(summary.bytes.saturating_sub(summary.head_bytes).into()),
        Known::HeadBytes => Some(summary.bytes.min(summary.head_bytes).into()),
        Known::HeaderFields => facts(|facts| facts.header_fields as u128),
        Known::FirstByteMicros => Some(request.first_byte.unwrap_or(all).as_micros()),
        Known::Micros => Some(all.as_micros()),
        Known::Millis => Some(all.as_millis()),
        Known::WaitMicros => request.thread.map(|(_, waited)| waited.as_micros()),
        Known::StartEpoch => Some(began().as_secs().into()),
        Known::StartEpochMillis => Some(began().as_millis()),
        Known::StartEpochMicros => Some(began().as_micros()),
        Known::Epoch => Some(since_1970().as_secs().into()),
        Known::EpochMillis => Some(since_1970().as_millis()),
        Known::EpochMicros => Some(since_1970().as_micros()),
        Known::ContentLength => facts(|facts| facts.content_length.into()),
        Known::Variables => facts(|facts| facts.variables as u128),
        Known::VariablesBytes => facts(|facts| facts.variables_bytes as u128),
        Known::Steps => facts(|facts| facts.steps.into()),
        Known::Worker => ended.worker.map(u128::from),
        Known::Pid => Some(ended.pid.into()),
        Known::Thread => request.thread.map(|(thread, _)| thread as u128 + 1),
        Known::Core => Some(request.thread.map_or(0, |(thread, _)| thread as u128)),
        Known::Requests => Some(ended.counts.all.into()),
        Known::WorkerRequests => Some(ended.counts.own.into()),
        Known::Rss => memory(|memory| memory.rss),
        Known::RssMib => memory(|memory| memory.rss >> 20),
        Known::Vsz => memory(|memory| memory.vsz),
        Known::VszMib => memory(|memory| memory.vsz >> 20),
        Known::WriteErrors => Some((!summary.complete).into()),
        // They are texts.
        Known::Peer | Known::Seconds | Known::Ending => None,
    }
}

/// How it has ended.
fn ending(summary: &Summary<'_>) -> &'static str {
    match (summary.timed_out, summary.complete) {
        (true, _) => "timeout",
        (false, false) => "broken-off",
        (false, true) => "complete",
    }
}
