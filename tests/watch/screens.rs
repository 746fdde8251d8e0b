//! The full screen, on a terminal that is none.

use crate::common::{name, reference};
use crate::world::{container, forget, link, session, well};
use fabricctl::output::watch::{Flow, Key, Paint, Watch};
use fabricctl::verify::World;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::time::{Duration, SystemTime};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_350_000 + seconds)
}

fn tell(watch: &mut Watch, world: World, now: SystemTime) {
    for (node, answer) in world {
        match answer {
            Ok(facts) => drop(watch.heard(node, facts, now)),
            Err(why) => watch.lost(node, why),
        }
    }
    watch.judge(now);
}

fn healthy() -> Watch {
    let fabric = reference();
    let nodes = fabric.nodes.keys().cloned().collect();
    let mut watch = Watch::new(fabric.clone(), nodes, Some("demo".into()), at(0));
    tell(&mut watch, well(&fabric), at(1));
    watch
}

/// A container that ended, a server's cable that is out, an uplink whose session is down, a leaf out of reach.
fn broken() -> Watch {
    let fabric = reference();
    let mut watch = healthy();
    let mut world = well(&fabric);
    let dead = container(&mut world, "server01", "web11");
    (dead.status, dead.running, dead.exit_code) = ("exited".into(), false, Some(137));
    tell(&mut watch, world.clone(), at(5));
    for node in ["spine01", "spine02", "leaf01", "leaf02", "leaf03", "leaf04"] {
        forget(&mut world, node, "172.16.1.11");
    }
    tell(&mut watch, world.clone(), at(7));
    link(&mut world, "leaf02", "swp2").admin_up = false;
    link(&mut world, "server02", "eth2").carrier = false;
    for (node, port) in [("leaf03", "swp51"), ("spine01", "swp3")] {
        let session = session(&mut world, node, port);
        (session.state, session.last_reset) = ("Active".into(), Some("Hold Timer Expired".into()));
    }
    tell(&mut watch, world.clone(), at(12));
    world.insert(name("leaf04"), Err("it said nothing for 13 s".into()));
    tell(&mut watch, world, at(30));
    watch
}

fn screen(watch: &mut Watch, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| watch.draw(frame, Paint { colours: true }, at(31))).unwrap();
    let drawn = terminal.backend().to_string();
    let lines = drawn.lines().map(|line| line.trim_matches('"').trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

fn press(watch: &mut Watch, keys: &[Key]) {
    for key in keys {
        assert_eq!(watch.press(*key), Flow::Continue, "{key:?}");
        // The screen tells keys how much of it there is.
        screen(watch, 80, 24);
    }
}

#[test]
fn nothing_is_known_yet() {
    let fabric = reference();
    let nodes = fabric.nodes.keys().cloned().collect();
    let mut watch = Watch::new(fabric, nodes, None, at(0));
    insta::assert_snapshot!(screen(&mut watch, 80, 24));
}

#[test]
fn a_healthy_fabric() {
    insta::assert_snapshot!("healthy_80x24", screen(&mut healthy(), 80, 24));
    insta::assert_snapshot!("healthy_120x40", screen(&mut healthy(), 120, 40));
}

#[test]
fn a_broken_fabric() {
    insta::assert_snapshot!("broken_80x24", screen(&mut broken(), 80, 24));
    insta::assert_snapshot!("broken_120x40", screen(&mut broken(), 120, 40));
}

#[test]
fn pages_of_a_leaf_a_server_and_a_container() {
    let mut watch = broken();
    // Below the spines come leaf01, server01, leaf02.
    press(&mut watch, &[Key::Down, Key::Down, Key::Down, Key::Enter]);
    insta::assert_snapshot!("leaf02_80x24", screen(&mut watch, 80, 24));
    insta::assert_snapshot!("leaf02_120x40", screen(&mut watch, 120, 40));
    press(&mut watch, &[Key::Back, Key::Up, Key::Enter]);
    insta::assert_snapshot!("server01_80x24", screen(&mut watch, 80, 24));
    press(&mut watch, &[Key::Back, Key::Next, Key::Enter]);
    insta::assert_snapshot!("web11_120x40", screen(&mut watch, 120, 40));
    press(&mut watch, &[Key::End]);
    insta::assert_snapshot!("web11_end_80x24", screen(&mut watch, 80, 24));
}

#[test]
fn help_is_shown_above_everything_and_any_key_closes_it() {
    let mut watch = broken();
    press(&mut watch, &[Key::Help]);
    insta::assert_snapshot!("help_80x24", screen(&mut watch, 80, 24));
    let before = screen(&mut broken(), 80, 24);
    press(&mut watch, &[Key::Down]);
    assert_eq!(screen(&mut watch, 80, 24), before);
}

#[test]
fn one_goes_back_in_the_events_and_forward_again() {
    let mut watch = broken();
    let before = screen(&mut watch, 80, 24);
    press(&mut watch, &[Key::Previous, Key::Home]);
    let first = screen(&mut watch, 80, 24);
    assert!(first.contains("all is as desired") && first.contains("later ones below"), "{first}");
    press(&mut watch, &[Key::End, Key::Next]);
    assert_eq!(screen(&mut watch, 80, 24), before);
}

#[test]
fn q_ends_it_and_so_does_ctrl_c_wherever_one_is() {
    for key in [Key::Help, Key::Enter, Key::Next] {
        let mut watch = healthy();
        press(&mut watch, &[key]);
        assert_eq!(watch.press(Key::Quit), Flow::Quit);
        assert_eq!(watch.press(Key::Interrupt), Flow::Interrupted);
    }
}

#[test]
fn every_size_is_drawn_and_every_key_is_taken() {
    use Key::{Back, Down, End, Enter, Help, Home, Left, Next, PageDown, PageUp, Previous, Right, Up};
    let keys = [
        Down, Right, Up, Left, Enter, Down, PageDown, End, PageUp, Home, Next, Up, Previous, Back, Next,
        Down, Enter, Back, Next, Up, End, Home, Help, Help, Next, End, Enter, Up, Back,
    ];
    let mut watch = broken();
    for (width, height) in [(1, 1), (20, 5), (49, 12), (50, 12), (80, 24), (200, 60), (300, 100)] {
        for key in keys {
            watch.press(key);
            let drawn = screen(&mut watch, width, height);
            assert!(drawn.lines().count() <= usize::from(height), "{width}×{height}");
        }
    }
    assert!(screen(&mut watch, 49, 12).contains("too small"));
}

#[test]
fn without_colours_the_marks_say_it_all() {
    let mut watch = broken();
    let mut drawn = |colours| {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| watch.draw(frame, Paint { colours }, at(31))).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let coloured = buffer.content().iter().any(|cell| cell.fg != ratatui::style::Color::Reset);
        (coloured, terminal.backend().to_string())
    };
    let (with, without) = (drawn(true), drawn(false));
    assert!(with.0 && !without.0);
    assert_eq!(with.1, without.1);
}
