//! `--reload-include`: files beside the modules whose change is a reload too.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use glob::MatchOptions;

use super::stamp::is_noise;

/// A file, a folder with all below it, or a pattern: of a name, or, with a slash in it, of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// A file or a folder.
    Path(PathBuf),
    /// Of a name, wherever it stands.
    Name(glob::Pattern),
    /// Of a path.
    Paths(glob::Pattern),
}

/// Where files may be that a pattern means.
pub(super) struct Base {
    pub(super) folder: PathBuf,
    /// Whether folders below it count.
    pub(super) is_deep: bool,
}

impl Pattern {
    /// Reads it. The error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let plain = text.strip_prefix("./").unwrap_or(text);
        let plain = plain.strip_suffix('/').unwrap_or(plain);
        if plain.is_empty() {
            return Err("write a file, a folder or a pattern, as templates or '*.html'".to_owned());
        }
        let form = if !plain.contains(['*', '?', '[']) {
            Form::Path(PathBuf::from(plain))
        } else {
            let pattern = glob::Pattern::new(plain).map_err(|error| error.to_string())?;
            if plain.contains('/') { Form::Paths(pattern) } else { Form::Name(pattern) }
        };
        Ok(Pattern { text: text.to_owned(), form })
    }

    /// Whether it means this path; it is written from `root` on.
    pub(super) fn means(&self, root: &Path, path: &Path) -> bool {
        let from_root = path.strip_prefix(root).unwrap_or(path);
        if let Form::Path(own) = &self.form
            && (from_root == own || path == own)
        {
            return true;
        }
        let hides = |part: Component<'_>| matches!(part, Component::Normal(name) if is_noise(name));
        let behind = match &self.form {
            Form::Path(own) => from_root.strip_prefix(own).or_else(|_| path.strip_prefix(own)),
            Form::Name(_) | Form::Paths(_) => Ok(from_root),
        };
        let Ok(behind) = behind else { return false };
        let name = path.file_name().unwrap_or_default();
        // A pattern that begins with a dot asks for hidden files.
        let is_asked = self.text.rsplit('/').next().is_some_and(|last| last.starts_with('.'));
        let mut parts: Vec<Component<'_>> = behind.components().collect();
        if is_asked {
            parts.pop();
        }
        if parts.into_iter().any(hides) {
            return false;
        }
        match &self.form {
            Form::Path(_) => true,
            Form::Name(pattern) => pattern.matches_with(&name.to_string_lossy(), OPTIONS),
            Form::Paths(pattern) => {
                [from_root, path].into_iter().any(|path| pattern.matches_path_with(path, OPTIONS))
            }
        }
    }

    /// Where to look for what it means.
    pub(super) fn base(&self, root: &Path) -> Base {
        match &self.form {
            Form::Path(own) => {
                let own = root.join(own);
                if own.is_dir() {
                    return Base { folder: own, is_deep: true };
                }
                Base { folder: own.parent().unwrap_or(root).to_owned(), is_deep: false }
            }
            Form::Name(_) => Base { folder: root.to_owned(), is_deep: true },
            Form::Paths(pattern) => {
                let is_plain =
                    |part: &Component<'_>| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
                let written = Path::new(pattern.as_str());
                let plain: PathBuf =
                    written.parent().unwrap_or(written).components().take_while(is_plain).collect();
                Base { folder: root.join(plain), is_deep: true }
            }
        }
    }
}

/// Whether the files of such a folder are somebody else's, or made: no pattern is looked for in it.
pub(super) fn is_foreign(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default();
    let others = ["node_modules", "site-packages", "dist-packages"].map(OsStr::new);
    is_noise(name) || others.contains(&name) || folder.join("pyvenv.cfg").exists()
}

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant() {
        for (pattern, path, is_meant) in [
            ("templates", "templates/a/page.html", true),
            ("templates/", "templates/page.html", true),
            ("./templates", "templates/page.html", true),
            ("templates", "templates/.page.html.swp", false),
            ("templates", "templates/page.html~", false),
            ("templates", "other/templates/page.html", false),
            ("templates", "templates.py", false),
            ("/root/templates", "templates/page.html", true),
            (".env", ".env", true),
            (".env", "a/.env", false),
            (".env*", ".env.local", true),
            (".env*", ".envrc.swp/x", false),
            ("*.html", "a/b/page.html", true),
            ("*.html", ".git/page.html", false),
            ("*.html", "page.htm", false),
            ("a/*.ini", "a/b.ini", true),
            ("a/*.ini", "a/b/c.ini", false),
            ("a/**/*.ini", "a/b/c.ini", true),
            ("a/**/*.ini", "a/c.ini", true),
            ("/root/*.ini", "c.ini", true),
            ("*", "__pycache__/app.pyc", false),
        ] {
            let (root, pattern) = (Path::new("/root"), Pattern::parse(pattern).unwrap());
            assert_eq!(pattern.means(root, &root.join(path)), is_meant, "{} {path}", pattern.text);
        }
        assert!(Pattern::parse("").is_err() && Pattern::parse("a[").is_err());
    }

    #[test]
    fn where_it_is_looked_for() {
        let base = |text: &str| {
            let Base { folder, is_deep } = Pattern::parse(text).unwrap().base(Path::new("/no/root"));
            (folder.display().to_string(), is_deep)
        };
        assert_eq!(base(".env"), ("/no/root".to_owned(), false));
        assert_eq!(base("*.html"), ("/no/root".to_owned(), true));
        assert_eq!(base("a/b/*.html"), ("/no/root/a/b".to_owned(), true));
        assert_eq!(base("a/**/*.html"), ("/no/root/a".to_owned(), true));
        assert_eq!(base("/x/*.html"), ("/x".to_owned(), true));
    }
}
