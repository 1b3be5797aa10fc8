//! Real files in a real folder, and a clock of the test's own.

use std::os::unix::fs::symlink;
use std::thread;

use super::*;

/// A folder that is watched, and what was loaded of it.
struct Scene {
    folder: tempfile::TempDir,
    code: CodeWatch,
    reporter: Reporter,
}

impl Scene {
    fn new(files: &[&str], includes: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file).unwrap();
            // As of yesterday: it was not saved while it was loaded.
            let yesterday = SystemTime::now() - Duration::from_secs(86_400);
            fs::File::options().write(true).open(&path).unwrap().set_modified(yesterday).unwrap();
        }
        let includes = includes.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        let plan = CodePlan { folders: vec![root.clone()], root, includes };
        let (code, reporter) = CodeWatch::new(plan, Instant::now()).unwrap();
        Scene { folder, code, reporter: reporter.begin(1) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn loaded(&mut self, names: &[&str], has_failed: bool) {
        let paths = names.iter().map(|name| self.path(name)).collect();
        self.reporter.report(has_failed, || paths).unwrap();
        assert_eq!(self.seen(), [""; 0]);
    }

    /// What has changed, once all hints are followed, as names. No second passes meanwhile.
    fn seen(&mut self) -> Vec<String> {
        let now = self.code.looked;
        let mut all = self.code.changes(now, 1);
        all.extend(self.code.changes(now + HINT_TIME_MAX, 1));
        self.names(all)
    }

    /// What a look at all finds.
    fn looked(&mut self) -> Vec<String> {
        let all = self.code.changes(self.code.looked + LOOK_TIME, 1);
        self.names(all)
    }

    fn names(&self, paths: Vec<PathBuf>) -> Vec<String> {
        let root = self.path("");
        let names = paths.iter().map(|path| path.strip_prefix(&root).unwrap_or(path).display().to_string());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

#[test]
fn every_way_to_save_is_one_change() {
    let mut scene = Scene::new(&["app.py", "other.py"], &[]);
    scene.loaded(&["app.py"], false);
    let app = scene.path("app.py");
    fs::write(&app, "written in place").unwrap();
    assert_eq!(scene.seen(), ["app.py"]);
    // As vim does: the old one is a backup for a while.
    fs::rename(&app, scene.path("app.py~")).unwrap();
    fs::write(&app, "put in its place").unwrap();
    fs::remove_file(scene.path("app.py~")).unwrap();
    assert_eq!(scene.seen(), ["app.py"]);
    fs::write(scene.path(".app.py.swp"), "as other editors do").unwrap();
    fs::rename(scene.path(".app.py.swp"), &app).unwrap();
    assert_eq!(scene.seen(), ["app.py"]);
    let then = SystemTime::now() - Duration::from_secs(9);
    let times = fs::FileTimes::new().set_accessed(then).set_modified(then);
    fs::File::open(&app).unwrap().set_times(times).unwrap();
    assert_eq!(scene.seen(), ["app.py"], "touch(1)");
    fs::remove_file(&app).unwrap();
    assert_eq!(scene.seen(), ["app.py"]);
    fs::write(&app, "it is there again").unwrap();
    assert_eq!(scene.seen(), ["app.py"]);
    assert_eq!(scene.looked(), [""; 0], "each was told once");
    assert_eq!(scene.looked(), [""; 0]);
}

#[test]
fn what_is_no_code_is_no_change() {
    let mut scene = Scene::new(&["app.py", "test_app.py"], &[]);
    scene.loaded(&["app.py"], false);
    for name in [
        "db.sqlite3",
        "db.sqlite3-journal",
        "server.log",
        "app.py~",
        ".app.py.swp",
        "4913",
        "app.pyc",
        "new.html",
    ] {
        fs::write(scene.path(name), name).unwrap();
    }
    fs::create_dir(scene.path("__pycache__")).unwrap();
    fs::write(scene.path("__pycache__/app.cpython-311.pyc"), "").unwrap();
    // It was there before and is not loaded.
    fs::write(scene.path("test_app.py"), "assert True").unwrap();
    // It was opened for writing, and left as it was.
    drop(fs::File::options().append(true).open(scene.path("app.py")).unwrap());
    let mode = fs::metadata(scene.path("app.py")).unwrap().permissions();
    fs::set_permissions(scene.path("app.py"), mode).unwrap();
    assert_eq!((scene.seen(), scene.looked(), scene.looked()), (vec![], vec![], vec![]));
}

#[test]
fn a_new_file_of_python_counts_once() {
    let mut scene = Scene::new(&["app.py"], &[]);
    scene.loaded(&["app.py"], false);
    fs::write(scene.path("local_settings.py"), "").unwrap();
    assert_eq!(scene.seen(), ["local_settings.py"]);
    // Nothing has loaded it.
    fs::write(scene.path("local_settings.py"), "A = 1").unwrap();
    assert_eq!(scene.seen(), [""; 0]);
}

#[test]
fn after_a_failure_any_file_of_python_counts() {
    let mut scene = Scene::new(&["app.py", "views.py"], &[]);
    scene.loaded(&["app.py"], true);
    fs::write(scene.path("views.py"), "mended").unwrap();
    assert_eq!(scene.seen(), ["views.py"]);
    // The package that it lacks.
    fs::create_dir(scene.path("package")).unwrap();
    assert_eq!(scene.seen(), [""; 0]);
    fs::write(scene.path("package/__init__.py"), "").unwrap();
    assert_eq!(scene.seen(), ["package/__init__.py"]);
}

#[test]
fn patterns_are_followed_where_they_lead() {
    let files = ["app.py", "templates/a/page.html", "node_modules/a/page.html", ".env", "there/a.ini"];
    let mut scene = Scene::new(&files, &["templates", ".env", "*.ini"]);
    scene.loaded(&["app.py"], false);
    for name in [
        "templates/a/page.html",
        "templates/a/.page.html.swp",
        ".env",
        "node_modules/a/page.html",
        "there/a.ini",
    ] {
        fs::write(scene.path(name), "saved").unwrap();
    }
    assert_eq!(scene.seen(), [".env", "templates/a/page.html", "there/a.ini"]);
    fs::create_dir_all(scene.path("conf/deep")).unwrap();
    assert_eq!(scene.seen(), [""; 0]);
    fs::write(scene.path("conf/deep/a.ini"), "").unwrap();
    scene.looked();
    assert_eq!(scene.seen(), ["conf/deep/a.ini"]);
}

#[test]
fn what_was_saved_while_it_was_loaded_is_loaded_again() {
    let mut scene = Scene::new(&["app.py", "views.py"], &[]);
    fs::write(scene.path("views.py"), "saved just now").unwrap();
    assert_eq!(scene.seen(), [""; 0], "nothing is known of it");
    let paths = ["app.py", "views.py"].map(|name| scene.path(name)).to_vec();
    scene.reporter.report(false, || paths).unwrap();
    assert_eq!(scene.seen(), ["views.py"]);
    let paths = ["app.py", "views.py"].map(|name| scene.path(name)).to_vec();
    scene.reporter.report(false, || paths).unwrap();
    assert_eq!(scene.seen(), [""; 0]);
}

#[test]
fn a_link_is_followed() {
    let mut scene = Scene::new(&["one/app.py", "two/app.py"], &[]);
    symlink(scene.path("one"), scene.path("current")).unwrap();
    scene.loaded(&["current/app.py"], false);
    fs::write(scene.path("one/app.py"), "saved where it is").unwrap();
    assert!(scene.seen().contains(&"current/app.py".to_owned()));
    symlink(scene.path("two"), scene.path("next")).unwrap();
    fs::rename(scene.path("next"), scene.path("current")).unwrap();
    scene.seen();
    // The kernel says nothing of where it leads by now.
    assert_eq!(scene.looked(), [""; 0], "it may be on its way");
    assert_eq!(scene.looked(), ["current/app.py"]);
}

#[test]
fn without_the_kernel_it_takes_two_looks() {
    let mut scene = Scene::new(&["app.py"], &[]);
    scene.code.folders = Folders::silent();
    scene.code.watch_plan();
    scene.loaded(&["app.py"], false);
    assert_eq!(scene.looked(), [""; 0]);
    fs::write(scene.path("app.py"), "saved").unwrap();
    assert_eq!((scene.seen(), scene.looked(), scene.looked()), (vec![], vec![], vec!["app.py".to_owned()]));
    fs::write(scene.path("new.py"), "new").unwrap();
    assert_eq!((scene.seen(), scene.looked(), scene.seen()), (vec![], vec![], vec!["new.py".to_owned()]));
}

#[test]
fn a_checkout_of_many_files_is_one_change() {
    let names: Vec<String> = (0..500).map(|number| format!("module_{number}.py")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut scene = Scene::new(&names, &[]);
    for part in names.chunks(100) {
        scene.loaded(part, false);
    }
    thread::scope(|scope| {
        scope
            .spawn(|| names.iter().for_each(|name| fs::write(scene.path(name), "another branch's").unwrap()));
    });
    assert_eq!(scene.seen().len(), 500);
    assert_eq!(scene.seen(), [""; 0]);
}
