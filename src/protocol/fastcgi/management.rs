//! Management records (section 4): what this application can do, and what it does not know.

use super::RecordFault;
use super::params::read_param;
use super::record::{BODY_LEN, record_type, write_header};
use crate::protocol::pairs::pairs;

/// Answers a GET_VALUES whose content is `asked`: of the names that it may ask for, one has a fixed answer here.
/// The others (FCGI_MAX_CONNS, FCGI_MAX_REQS) are left out, as names that are not understood are to be.
pub(super) fn write_values(asked: &[u8], out: &mut Vec<u8>) -> Result<(), RecordFault> {
    let mut asks_mpxs = false;
    for pair in pairs(asked, read_param) {
        let name = pair.map_err(|_| RecordFault::Values)?.name;
        asks_mpxs |= &asked[name] == MPXS_CONNS;
    }
    let mut content = Vec::new();
    if asks_mpxs {
        content.extend_from_slice(&[MPXS_CONNS.len() as u8, 1]);
        content.extend_from_slice(MPXS_CONNS);
        content.extend_from_slice(b"0");
    }
    write_header(record_type::GET_VALUES_RESULT, 0, content.len() as u16, out);
    out.extend_from_slice(&content);
    Ok(())
}

/// Answers a management record of a type that is not known.
pub(super) fn write_unknown(record_type: u8, out: &mut Vec<u8>) {
    write_header(record_type::UNKNOWN_TYPE, 0, BODY_LEN as u16, out);
    out.extend_from_slice(&[record_type, 0, 0, 0, 0, 0, 0, 0]);
}

/// Whether requests can be multiplexed on one connection.
const MPXS_CONNS: &[u8] = b"FCGI_MPXS_CONNS";
