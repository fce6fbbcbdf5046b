//! The command itself: invalid input, exit codes, files, and interrupts.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::Value;

use crate::{
    loose::Loose,
    server::{OWN, Server},
    verdicts::{Tokens, tokens, words},
};

fn siege(words: &[String]) -> Output {
    command(words).output().unwrap()
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siege"));
    command.arg("audit").args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn line(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A server that sends the same response to every request.
fn responding(response: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _read = stream.read(&mut [0; 4096]);
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn invalid_input_is_reported_without_an_attack() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plain = responding("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    let ssh = responding("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    let wrong = responding("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\n\r\n");
    let locked = responding("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
    for (words, expected) in [
        (String::new(), "a URL is missing"),
        (format!("http://{plain}/"), "the scheme is neither ws nor wss"),
        ("ws://192.0.2.1/ws".to_owned(), "add --i-operate 192.0.2.1 if you operate that server"),
        ("ws://192.0.2.1/ws --i-operate example.com".to_owned(), "is not the host of the URL"),
        (format!("ws://{unused}/"), "does not respond like a server: Connection refused"),
        (format!("ws://{plain}/"), "there is no WebSocket at this URL: the response was HTTP 404"),
        (format!("ws://{ssh}/"), "the response is not HTTP"),
        (format!("ws://{wrong}/"), "is not a WebSocket server"),
        (format!("ws://{locked}/"), "refused with HTTP 401: give a token"),
        (format!("wss://{plain}/"), "TLS: "),
        (format!("ws://{plain}/ --only nonsense"), "no attack has \"nonsense\""),
        (format!("ws://{plain}/ --only silence --skip silence"), "no attack is left"),
        (format!("ws://{plain}/ --ca /nonexistent"), "--ca needs a wss:// URL"),
        (format!("wss://{plain}/ --ca /nonexistent"), "--ca /nonexistent: "),
    ] {
        let output = siege(&line(&words));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words}: {stderr}");
        assert!(stderr.lines().last().is_some_and(|line| line.contains(expected)), "{words}: {stderr}");
        assert!(output.stdout.is_empty(), "{words}");
    }
}

#[test]
fn exit_code_says_whether_something_got_through() {
    let tokens = tokens();
    let strict = Server::start(Loose::Nothing, tokens.good.clone());
    let loose = Server::start(Loose::Everything, tokens.good.clone());
    for (server, more, code) in [
        (&strict, "--only|null origin", 0),
        (&loose, "--only|null origin", 1),
        (&loose, "--only|null origin|--fail-on|never", 0),
        (&strict, "--only|no encryption", 0),
        (&strict, "--only|no encryption|--fail-on|unclear", 1),
    ] {
        let output = siege(&words(&server.url(), &tokens, more));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{more}: {stderr}");
        assert!(stderr.contains("caps: one attack sends at most 20000 frames"), "{stderr}");
    }
}

#[test]
fn a_token_may_come_from_the_environment() {
    let tokens = tokens();
    let strict = Server::start(Loose::Nothing, tokens.good.clone());
    let words = format!("{} --origin {OWN} --token-in cookie:session --only null", strict.url());
    for (set, code) in [(Some(&tokens.good[0]), 0), (Some(&String::from("no token")), 2), (None, 2)] {
        let mut command = command(&line(&format!("{words} --token-env SIEGE_TEST_TOKEN")));
        if let Some(token) = set {
            command.env("SIEGE_TEST_TOKEN", token);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{set:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn reports_are_written_for_people_programs_and_build_servers() {
    let tokens = tokens();
    let loose = Server::start(Loose::Everything, tokens.good.clone());
    let file = std::env::temp_dir().join(format!("siege-audit-junit-{}.xml", std::process::id()));
    let more = format!("--only|null origin|--junit|{}", file.display());
    let table = String::from_utf8(siege(&words(&loose.url(), &tokens, &more)).stdout).unwrap();
    for text in ["null origin", "LET THROUGH", "CWE-1385", "Origin Header Validation", "OriginLayer", "1 let through"] {
        assert!(table.contains(text), "{text}: {table}");
    }
    let junit = fs::read_to_string(&file).unwrap();
    assert!(junit.contains("<testcase classname=\"origin\" name=\"null origin\"><failure type=\"through\""), "{junit}");
    fs::remove_file(&file).unwrap();
    let json = siege(&words(&loose.url(), &tokens, "--only|null origin|--json")).stdout;
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["findings"][0]["verdict"], "through");
    assert_eq!((&json["through"], &json["findings"][0]["cwe"]), (&1.into(), &1385.into()));
    assert!(!json.to_string().contains(&tokens.good[0]), "a token is in the report");
}

#[test]
fn an_interrupt_leaves_no_socket_and_reports_what_was_not_run() {
    let tokens: Tokens = tokens();
    let server = Server::start(Loose::Everything, tokens.good.clone());
    let mut all = words(&server.url(), &tokens, "--only|null origin|--only|silence|--json");
    all.extend(["--silence".to_owned(), "60".to_owned()]);
    let child = command(&all).spawn().unwrap();
    // All attacks of the silence group run concurrently.
    server.wait_for(5);
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = json["findings"].as_array().unwrap();
    let of = |name: &str| found.iter().find(|finding| finding["attack"] == name).unwrap();
    assert_eq!(of("null origin")["verdict"], "through");
    for name in ["nothing is said", "pings unanswered", "answers unread"] {
        assert_eq!((&of(name)["verdict"], &of(name)["observed"]), (&"not-run".into(), &"interrupted".into()), "{name}");
    }
    server.wait_for(0);
}
