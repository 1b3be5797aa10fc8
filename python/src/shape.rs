//! Requests with the same variables in the same order, and the last of them as a dict.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tidegate::Environ;

use crate::interned_names::InternedNames;
use crate::text::from_latin1;

/// A shape, and the last request that had it.
pub(crate) struct Shape {
    outline: u64,
    variables: Vec<Variable>,
    url_scheme: &'static str,
    /// The environ of that request, without what is that request's own. No application ever sees it.
    dict: Py<PyDict>,
}

/// A variable as it was in the last request.
struct Variable {
    name: Vec<u8>,
    /// `None` for a name that is the server's own: what the peer says under it is dropped.
    key: Option<Py<PyString>>,
    value: Vec<u8>,
}

/// A number that tells most shapes apart: of the lengths of the names, and their last letters.
pub(crate) fn outline(environ: &Environ) -> u64 {
    environ.iter().fold(0, |sum: u64, (name, _)| {
        let last = name.last().copied().unwrap_or_default();
        sum.rotate_left(7) ^ (name.len() as u64) << 8 ^ u64::from(last)
    })
}

impl Shape {
    /// The shape of this request, whose dict begins as a copy of `constants`.
    pub(crate) fn new(
        constants: &Bound<'_, PyDict>,
        names: &mut InternedNames,
        environ: &Environ,
        outline: u64,
    ) -> PyResult<Self> {
        let py = constants.py();
        let dict = constants.copy()?;
        let mut variables = Vec::new();
        for (name, value) in environ.iter() {
            let mut key = None;
            if !SERVER_OWNED.iter().any(|prefix| name.starts_with(prefix)) {
                let name = names.of(py, name)?;
                dict.set_item(&name, from_latin1(py, value)?)?;
                key = Some(name.unbind());
            }
            variables.push(Variable { name: name.to_vec(), key, value: value.to_vec() });
        }
        let mut shape = Shape { outline, variables, url_scheme: "", dict: dict.unbind() };
        shape.set_scheme(py, environ)?;
        Ok(shape)
    }

    /// Whether the request has the same names in the same order.
    pub(crate) fn fits(&self, environ: &Environ, outline: u64) -> bool {
        self.outline == outline
            && environ.iter().map(|(name, _)| name).eq(self.variables.iter().map(|v| &v.name[..]))
    }

    /// Changes the dict to this request's, which fits.
    pub(crate) fn change_to(&mut self, py: Python<'_>, environ: &Environ) -> PyResult<()> {
        for (variable, (_, value)) in self.variables.iter_mut().zip(environ.iter()) {
            if let Some(key) = &variable.key
                && variable.value != value
            {
                self.dict.bind(py).set_item(key, from_latin1(py, value)?)?;
                variable.value.clear();
                variable.value.extend_from_slice(value);
            }
        }
        self.set_scheme(py, environ)
    }

    /// The dict, which is not to be handed out.
    pub(crate) fn dict<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.dict.bind(py)
    }

    /// The dict of a shape that is not kept.
    pub(crate) fn into_dict(self, py: Python<'_>) -> Bound<'_, PyDict> {
        self.dict.into_bound(py)
    }

    /// Whether it takes too much memory to be kept.
    pub(crate) fn is_large(&self) -> bool {
        let bytes: usize = self.variables.iter().map(|v| v.name.len() + v.value.len()).sum();
        bytes > KEPT_BYTES_MAX
    }

    fn set_scheme(&mut self, py: Python<'_>, environ: &Environ) -> PyResult<()> {
        let scheme = environ.url_scheme();
        if self.url_scheme != scheme {
            self.dict.bind(py).set_item(intern!(py, "wsgi.url_scheme"), PyString::intern(py, scheme))?;
            self.url_scheme = scheme;
        }
        Ok(())
    }
}

/// A request whose variables are longer is not kept, bytes: nginx's own buffer for a client's headers is 1 KiB, and a few
/// cookies make them 4.
const KEPT_BYTES_MAX: usize = 16 << 10;

/// How the keys begin that a peer cannot set.
const SERVER_OWNED: [&[u8]; 2] = [b"wsgi.", b"tidegate."];
