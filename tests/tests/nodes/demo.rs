//! `tacit demo`, the README's first command: anywhere, again and again, and nothing is left of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tacit_tests::{Ran, World, finish};

use crate::TACIT;

/// A folder for temporary files of its own, so that whatever stays is found.
struct Place {
    world: World,
}

impl Place {
    fn new() -> Self {
        let world = World::new(TACIT);
        fs::create_dir(world.path("tmp")).unwrap();
        fs::create_dir(world.path("elsewhere")).unwrap();
        Self { world }
    }

    fn start(&self, words: &[&str]) -> Child {
        let mut command: Command = self.world.command("nowhere", words);
        command.env("TMPDIR", self.world.path("tmp")).current_dir(self.world.path("elsewhere"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn left(&self) -> Vec<PathBuf> {
        ["tmp", "elsewhere"]
            .iter()
            .flat_map(|folder| fs::read_dir(self.world.path(folder)).unwrap().flatten())
            .map(|entry| entry.path())
            .collect()
    }

    /// Processes that work below this place.
    fn processes(&self) -> Vec<String> {
        let place = self.world.path("tmp").to_string_lossy().into_owned();
        let alive = |process: &PathBuf| {
            // A process that has ended and was not waited for has an empty command line.
            let words = fs::read(process.join("cmdline")).unwrap_or_default();
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            !words.is_empty()
                && String::from_utf8_lossy(&environment).contains(&format!("TACIT_HOME={place}"))
        };
        let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        all.filter(alive).map(|process| process.display().to_string()).collect()
    }

    #[track_caller]
    fn check_nothing_left(&self, what: &str) {
        assert_eq!(self.processes(), Vec::<String>::new(), "{what}");
        assert_eq!(self.left(), Vec::<PathBuf>::new(), "{what}");
    }
}

fn signal(process: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &process.id().to_string()]).status().unwrap().success());
}

#[test]
fn the_demo_runs_twice_in_a_row_from_any_folder() {
    let place = Place::new();
    for _ in 0..2 {
        let ran = finish(place.start(&["demo"])).ok();
        for told in [
            "brand$ tacit init brand",
            "bank$ tacit id lint accounts",
            "bank$ tacit approvals approve",
            "216 of our customers match",
            "A plain join of both files, which nobody could make here, gives the same 216",
            "not seen",
            "E-POLICY-REVEAL-FILTER",
            "both figures carry random padding",
        ] {
            assert!(ran.out.contains(told), "{told:?} is not in:\n{}", ran.out);
        }
        // No whole identifier is shown on the way, but in the answer, which is the brand's own.
        let before_answer = ran.out.split("matches.csv:").next().unwrap();
        let whole =
            before_answer.match_indices("@example.").find(|(at, _)| !before_answer[..*at].ends_with('*'));
        assert_eq!(whole, None, "{before_answer}");
        place.check_nothing_left("after the demo");
    }
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing_behind() {
    let place = Place::new();
    for (name, status) in [("-INT", 130), ("-TERM", 143)] {
        for moment in [50, 250, 500, 800, 1100, 1400] {
            let demo = place.start(&["demo"]);
            thread::sleep(Duration::from_millis(moment));
            let over = !Path::new(&format!("/proc/{}/environ", demo.id())).exists();
            if !over {
                signal(&demo, name);
            }
            let ran: Ran = finish(demo);
            // On a fast machine it may just have come to its end.
            assert!(
                ran.status == status || ran.status == 0,
                "{name} after {moment} ms: {}\n{}",
                ran.status,
                ran.err
            );
            place.check_nothing_left(&format!("{name} after {moment} ms"));
        }
    }
}

#[test]
fn a_demo_that_is_kept_goes_on_as_it_says() {
    let place = Place::new();
    let ran = finish(place.start(&["demo", "--keep"])).ok();
    let home = ran.out.lines().find_map(|line| line.trim().strip_prefix("export TACIT_HOME=")).unwrap();
    let home = PathBuf::from(home.split_whitespace().next().unwrap());
    assert!(home.ends_with("brand"), "{}", home.display());
    assert_eq!(place.processes().len(), 2);
    let at = |home: &Path, words: &[&str]| {
        place.world.tacit("nowhere", &[words, &["--home", &home.to_string_lossy()]].concat())
    };
    let bank = home.with_file_name("bank");
    let status = at(&home, &["status", "-o", "json"]).ok().json();
    assert_eq!(status["node"], "brand");
    assert_eq!(at(&bank, &["approvals", "list", "-o", "json"]).ok().json()[0]["state"], "used");
    let told =
        at(&home, &["query", tacit_tests::pair::QUESTION, "--contract", "maternal-offers", "--wait", "1s"]);
    assert!(told.status == 3 && told.err.contains("nobody at bank has decided yet"), "{}", told.err);
    for home in [&home, &bank] {
        at(home, &["stop"]).ok();
    }
    place.world.until("the nodes' end", || place.processes().is_empty());
    fs::remove_dir_all(home.parent().unwrap()).unwrap();
    place.check_nothing_left("after the stop");
}

#[test]
fn a_watcher_that_goes_away_does_not_keep_the_demo() {
    let place = Place::new();
    let mut demo = place.start(&["demo"]);
    // As `tacit demo | head -1` does.
    drop(demo.stdout.take());
    demo.wait().unwrap();
    place.check_nothing_left("after the watcher went");
}

#[test]
fn a_bench_of_the_intersection_gives_its_figures_and_leaves_nothing() {
    let place = Place::new();
    let words =
        ["bench", "psi", "--rows", "3000", "--partner-rows", "2000", "--overlap", "0.5", "-o", "json"];
    let figures = finish(place.start(&words)).ok().json();
    for figure in [
        "seconds",
        "cpu_seconds",
        "bytes_sent",
        "peak_rss_bytes",
        "rows",
        "rows_per_second",
        "stages",
        "version",
        "cpu",
        "threads",
    ] {
        assert!(!figures[figure].is_null(), "{figure}: {figures}");
    }
    assert_eq!((&figures["rows"], &figures["overlap"]), (&3000.into(), &1000.into()));
    place.check_nothing_left("after the bench");
}
