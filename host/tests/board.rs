//! The verb `board` against instruments: in a thread of this program, which is everywhere, and the firmware on
//! emulated boards.

#[allow(dead_code, reason = "the tests of the protocol use more of it")]
#[path = "../wire/tests/fake/mod.rs"]
mod fake;
#[path = "board/native.rs"]
mod native;
#[path = "../../engine/tests/needs/mod.rs"]
mod needs;
#[path = "board/proxy.rs"]
mod proxy;

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pushforward_host::board::client::Client;
use pushforward_host::board::emulated::Emulated;
use pushforward_host::board::port::Port;
use pushforward_host::board::{self, Board};
use pushforward_host::loaded::{Loaded, read};
use pushforward_wire::frame::{Decoder, Direction, Dropped};
use pushforward_wire::message::{Reply, Request, Slice};
use serde_json::Value;

use fake::{Random, frames};
use native::Native;
use needs::Test;
use proxy::Proxy;

/// Held while a test builds firmware and starts it: all builds of a program have one path.
static ALONE: Mutex<()> = Mutex::new(());

/// A board of each UART, and of each way to start.
const VERIFIED: [&str; 4] =
    ["qemu-microbit", "qemu-mps2-an386", "qemu-mps3-an547", "qemu-virt-rv32"];
/// The firmware's emulated Cortex-M4F.
const BOARD: &str = "qemu-mps2-an386";

fn model(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codegen/tests/models");
    folder.join(name).with_extension("safetensors").canonicalize().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushforward"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn ok(arguments: &[&str]) -> String {
    let out = run(arguments);
    let errors = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(out.stdout).unwrap()
}

/// What a command that fails says, and its exit code.
fn fails(arguments: &[&str]) -> (i32, String) {
    let out = run(arguments);
    let message = String::from_utf8(out.stderr).unwrap();
    assert!(message.contains("error: ") && !message.contains("panicked"), "{message}");
    (out.status.code().unwrap(), message)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The figures of a `verify` that found nothing, over this many rows.
fn verified(text: &str, rows: u64) -> Value {
    let figures = json(text);
    assert_eq!((&figures["rows"], &figures["differing"]), (&rows.into(), &0.into()), "{figures}");
    assert!(figures["rows_per_second"].as_f64().unwrap() > 0.0);
    figures
}

fn every_family_is_verified_and_a_lie_is_found() {
    for name in
        ["spins_plain", "flow_plain", "categories_fused", "given_fused", "spins_given_plain"]
    {
        let path = model(name);
        let port = native::start(Native::open(&path));
        let said = ok(&["board", "verify", text(&path), "--port", &port, "-n", "2500", "--json"]);
        let figures = verified(&said, 2500);
        assert_eq!(figures["board"], "native", "{name}");
    }
    // Weights of 16 bits are another model's.
    let path = model("flow_plain");
    let verify = ["board", "verify", text(&path), "-n", "2500", "--json", "--port"];
    let port = native::start(Native::open(&path).rounded(true));
    verified(&ok(&[&verify[..], &[&port]].concat()), 2500);
    let port = native::start(Native::open(&path).rounded(false));
    assert_eq!(fails(&[&verify[..], &[&port]].concat()).0, 1);
    let path = model("spins_plain");
    let port = native::start(Native::open(&path).lying_at(1500));
    let (code, message) = fails(&["board", "verify", text(&path), "--port", &port, "-n", "1e4"]);
    assert_eq!(code, 1);
    assert!(message.contains("found other bits on the device"), "{message}");
}

fn rows_and_scores_are_those_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for (name, context) in
        [("spins_plain", None), ("flow_plain", None), ("given_fused", Some("0.3,-1.2,0.5"))]
    {
        let path = model(name);
        let context: Vec<_> = context.iter().flat_map(|c| ["--context", c]).collect();
        let rows = ["--seed", "5", "--first", "7", "-n", "300", "-o"];
        let [a, a_scores, b, b_scores] = ["a.csv", "a.npy", "b.csv", "b.npy"].map(at);
        let here = [&a, "--log-prob", &a_scores];
        ok(&[&["sample", text(&path)], &rows[..], &here, &context].concat());
        let port = native::start(Native::open(&path));
        let there = [&b, "--log-prob", &b_scores];
        ok(&[&["board", "sample", "--port", &port], &rows[..], &there, &context].concat());
        let same = |a, b| assert_eq!(fs::read(at(a)).unwrap(), fs::read(at(b)).unwrap(), "{name}");
        same("a.npy", "b.npy");
        // The host's names its columns where the model does.
        let body = |file| {
            let text = fs::read_to_string(at(file)).unwrap();
            text.lines().rev().take(300).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(body("a.csv"), body("b.csv"), "{name}");
        ok(&[&["log-prob", text(&path), &at("a.csv"), "-o", &at("c.csv")], &context[..]].concat());
        let port = native::start(Native::open(&path));
        ok(&[
            &["board", "log-prob", &at("b.csv"), "--port", &port, "-o", &at("d.csv")],
            &context[..],
        ]
        .concat());
        same("c.csv", "d.csv");
    }
}

fn a_device_says_who_it_is_and_shows_its_rows() {
    let path = model("spins_plain");
    let port = native::start(Native::open(&path));
    let info = json(&ok(&["board", "info", "--port", &port, "--selftest", "--json"]));
    assert_eq!((&info["board"], &info["element"]), (&"native".into(), &"i8".into()));
    assert_eq!(info["selftest"]["failed"], 0);
    let port = native::start(Native::open(&path));
    let out = run(&["board", "monitor", "--port", &port, "-n", "3", "--seed", "0"]);
    let (shown, notes) =
        (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert_eq!(shown.matches("ln q").count(), 3, "{shown}");
    // Whose seed replays the rows.
    let seed = notes.trim().strip_prefix("seed ").unwrap();
    let port = native::start(Native::open(&path));
    assert_eq!(ok(&["board", "monitor", "--port", &port, "-n", "3", "--seed", seed]), shown);
}

fn what_cannot_be_is_said() {
    let path = model("spins_plain");
    let refused = |arguments: &[&str], word: &str| {
        let (code, message) = fails(arguments);
        assert!(code == 2 && message.contains(word), "{code}: {message}");
    };
    refused(&["board", "info"], "expected --port");
    refused(&["board", "info", "--port", "tcp:nowhere"], "expected tcp:HOST:PORT");
    refused(&["board", "info", "--port", "/dev/no-such-port"], "cannot be opened");
    refused(&["board", "info", "--board", "no-such-board"], "found 'no-such-board'");
    refused(&["board", "flash", text(&path), "--board", BOARD], "it is emulated");
    let port = native::start(Native::open(&model("flow_plain")));
    refused(&["board", "verify", text(&path), "--port", &port], "found a model with checksum");
    let port = native::start(Native::open(&path));
    refused(&["board", "monitor", "--port", &port, "--shape", "3x99"], "--shape 3x99");
    let list = json(&ok(&["board", "list", "--json"]));
    let boards = list["boards"].as_array().unwrap();
    assert!(boards.iter().any(|b| b["name"] == BOARD && b["emulated"] == true), "{list}");
    // Somebody who does not speak.
    let (silent, _other) = native::pair();
    let port = Proxy::start(silent).address;
    let (code, message) = fails(&["board", "info", "--port", &port, "--patience", "1"]);
    assert!(code == 1 && message.contains("found no answer for 1 s"), "{message}");
}

/// Starts `verify` on a line, and lets it work.
fn verifying(path: &Path, port: &str, n: &str) -> Child {
    let arguments = ["board", "verify", text(path), "--port", port, "-n", n, "--json"];
    command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn finishes(child: Child, rows: u64) -> Value {
    let out = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{errors}");
    let figures = verified(&String::from_utf8(out.stdout).unwrap(), rows);
    assert!(figures["retries"].as_u64().unwrap() > 10, "{figures}");
    figures
}

fn no_wrong_row_comes_over_a_bad_line_nor_from_a_device_that_was_reset() {
    for name in ["spins_plain", "given_fused"] {
        let path = model(name);
        let device = || {
            let (device, line) = native::pair();
            let native = Native::open(&path);
            std::thread::spawn(move || native::run(native, device));
            line
        };
        let proxy = Proxy::start(device());
        let child = verifying(&path, &proxy.address, "2000");
        for part in 1..3 {
            proxy.wait_for(part * 25_000);
            proxy.replace(device());
        }
        finishes(child, 2000);
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// How many rows each emulated board is asked for: `PUSHFORWARD_ROWS`, or enough to see it work.
fn rows() -> u64 {
    let rows = std::env::var("PUSHFORWARD_ROWS").ok();
    rows.map_or(2000, |rows| rows.parse().expect("PUSHFORWARD_ROWS is a number"))
}

fn emulated_boards_are_verified() -> Outcome {
    // In the arithmetic that every core has.
    let (path, n) = (model("spins_plain"), rows());
    let verify = ["board", "verify", text(&path), "-n", &n.to_string(), "--json", "--board"];
    for board in VERIFIED {
        let said = ok(&[&verify[..], &[board]].concat());
        println!("{board}: {} rows/s", verified(&said, n)["rows_per_second"]);
        // A seed of its own entropy.
        let sample = ["board", "sample", "--model", text(&path), "--board", board, "--seed", "0"];
        assert!(!ok(&[&sample[..], &["-n", "1"]].concat()).is_empty());
    }
    let said = ok(&[&verify[..], &[BOARD, "--weights", "f16"]].concat());
    verified(&said, n);
    Ok(())
}

/// The instrument of a board around a model.
fn instrument(board: &str, path: &Path) -> Result<Board, Box<dyn std::error::Error>> {
    let checkout = board::checkout().ok_or("no checkout")?;
    let folder = board::folder(&checkout, Some(board))?;
    // Where the command builds it too.
    let program = Path::new(env!("CARGO_BIN_EXE_pushforward"));
    let target = program.parent().and_then(Path::parent).ok_or("no target")?.join("firmware");
    let features = ["instrument"];
    Ok(Board::with_programs(&checkout, folder, path, &target, &["instrument"], &features)?)
}

fn emulated_boards_are_reset_behind_a_bad_line() -> Outcome {
    let (path, n) = (model("spins_plain"), rows());
    for board in VERIFIED {
        let built = instrument(board, &path)?;
        let (first, line) = Emulated::start(built.command("instrument"))?;
        let proxy = Proxy::start(line);
        let child = verifying(&path, &proxy.address, &n.to_string());
        proxy.wait_for(15 * n);
        drop(first);
        let second = Emulated::start(built.command("instrument"));
        let (_second, line) = second.expect("it starts again");
        proxy.replace(line);
        let figures = finishes(child, n);
        let [rate, retries] = ["rows_per_second", "retries"].map(|name| &figures[name]);
        println!("{board}: {rate} rows/s, {retries} asked again");
    }
    Ok(())
}

/// What an instrument answers until it has stopped for `last`: whole frames, and rows that it was asked for.
fn answers(
    line: &mut TcpStream,
    asked: &HashMap<u32, Slice>,
    last: u32,
) -> Result<usize, Box<dyn std::error::Error>> {
    line.set_read_timeout(Some(Duration::from_secs(30)))?;
    let model = Loaded::new(read(&model("spins_plain"))?)?;
    let mut decoder = Box::new(Decoder::<256>::new(Direction::Reply));
    let (mut buffer, mut rows) = ([0; 4096], 0);
    loop {
        let n = line.read(&mut buffer)?;
        for byte in &buffer[..n] {
            if !decoder.feed(*byte) {
                continue;
            }
            let frame = decoder.frame().ok_or("it was whole")?;
            match postcard::from_bytes(frame.body)? {
                Reply::Stopped if frame.id == last => {
                    assert_eq!(decoder.dropped(), Dropped::default());
                    return Ok(rows);
                }
                Reply::Row { index, log_prob, row } => {
                    let slice = asked.get(&frame.id).ok_or("a row that nobody asked for")?;
                    assert!(index.wrapping_sub(slice.first) < slice.n.into(), "{slice:?}: {index}");
                    let (mut expected, mut score) = (vec![0i8; model.dim()], [0.0]);
                    model.given(&[]).sample(slice.seed, index, &mut expected, Some(&mut score));
                    // A seed of 0 stands for one of the board's own.
                    if slice.seed != 0 {
                        assert!(expected.iter().map(|x| *x as u8).eq(row.iter().copied()));
                        assert_eq!(score[0].to_bits(), log_prob);
                        rows += 1;
                    }
                }
                _ => {}
            }
        }
    }
}

fn ten_thousand_bad_frames_do_no_harm_to_an_emulated_board() -> Outcome {
    const FRAMES: u32 = 10_000;
    let path = model("spins_plain");
    let built = instrument(BOARD, &path)?;
    let (_emulated, mut line) = Emulated::start(built.command("instrument"))?;
    let (mut random, mut bad, mut asked) = (Random(1), Vec::new(), HashMap::new());
    let nothing = pushforward_wire::checksum(&[]);
    for id in 0..FRAMES {
        let (frame, slice) = frames::bad(&mut random, id, nothing);
        bad.extend(frame);
        asked.extend(slice.map(|slice| (id, slice)));
    }
    // A zero ends what the last one left open.
    bad.push(0);
    bad.extend(frames::framed(FRAMES, &Request::Stop));
    let mut to = line.try_clone()?;
    let sender = std::thread::spawn(move || to.write_all(&bad));
    let rows = answers(&mut line, &asked, FRAMES)?;
    sender.join().map_err(|_| "the sender")??;
    let mut client = Client::meet(Port::of_stream(line)?, Duration::from_secs(60))?;
    let damaged = client.identity().damaged + client.identity().oversize;
    println!("{FRAMES} frames: {damaged} dropped, {rows} rows");
    assert!(damaged > FRAMES / 3 && rows > 100, "{damaged}, {rows}");
    let native = Native::open(&path);
    let (mut rows, mut log_prob) = (vec![0; 64 * client.identity().row_bytes()], [0; 64]);
    client.sample(3, 0, &mut rows, &mut log_prob)?;
    let (same, scores) = native.rows(3, 64);
    assert!(rows == same && log_prob[..] == scores);
    assert_eq!(client.self_test()?.1, 0);
    Ok(())
}

fn main() -> ExitCode {
    let checkout = board::checkout();
    let missing = || board::missing(checkout.as_deref(), Some(BOARD));
    let of_all = || {
        let boards =
            pushforward_host::board::Folder::all(&checkout.as_ref()?.join("firmware")).ok()?;
        let emulated = boards.iter().filter(|b| b.is_emulated());
        emulated
            .map(|b| board::missing(checkout.as_deref(), Some(b.name())))
            .find(Option::is_some)?
    };
    type Body = fn() -> Outcome;
    let on_boards: [(&str, Body, Option<String>); 3] = [
        ("emulated_boards_are_verified", emulated_boards_are_verified, of_all()),
        (
            "emulated_boards_are_reset_behind_a_bad_line",
            emulated_boards_are_reset_behind_a_bad_line,
            of_all(),
        ),
        (
            "ten_thousand_bad_frames_do_no_harm_to_an_emulated_board",
            ten_thousand_bad_frames_do_no_harm_to_an_emulated_board,
            missing(),
        ),
    ];
    let mut tests = vec![
        Test::new(
            "every_family_is_verified_and_a_lie_is_found",
            every_family_is_verified_and_a_lie_is_found,
        ),
        Test::new("rows_and_scores_are_those_of_the_host", rows_and_scores_are_those_of_the_host),
        Test::new(
            "a_device_says_who_it_is_and_shows_its_rows",
            a_device_says_who_it_is_and_shows_its_rows,
        ),
        Test::new("what_cannot_be_is_said", what_cannot_be_is_said),
        Test::new(
            "no_wrong_row_comes_over_a_bad_line_nor_from_a_device_that_was_reset",
            no_wrong_row_comes_over_a_bad_line_nor_from_a_device_that_was_reset,
        ),
    ];
    tests.extend(on_boards.map(|(name, body, missing)| {
        Test::needing("emulated board", missing, name, move || {
            let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(body()?)
        })
    }));
    needs::run(include_str!("board.rs"), tests)
}
