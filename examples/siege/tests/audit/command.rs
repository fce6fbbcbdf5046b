//! The command itself: bad input, exit codes, files, and what is left of it when it is interrupted.

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

/// A server that gives one answer to whatever comes, and counts.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _read = stream.read(&mut [0; 4096]);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn bad_input_is_one_sentence_and_no_attack() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plain = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    let ssh = answering("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    let wrong = answering("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\n\r\n");
    let locked = answering("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
    for (words, said) in [
        (String::new(), "a URL is missing"),
        (format!("http://{plain}/"), "begins with neither ws:// nor wss://"),
        ("ws://192.0.2.1/ws".to_owned(), "say --i-operate 192.0.2.1 if you operate that server"),
        ("ws://192.0.2.1/ws --i-operate example.com".to_owned(), "is not the host of the URL"),
        (format!("ws://{nobody}/"), "does not answer as a server: Connection refused"),
        (format!("ws://{plain}/"), "there is no WebSocket at this URL: it was answered with HTTP 404"),
        (format!("ws://{ssh}/"), "not one of HTTP"),
        (format!("ws://{wrong}/"), "is no WebSocket server"),
        (format!("ws://{locked}/"), "refused with HTTP 401: name a token"),
        (format!("wss://{plain}/"), "TLS: "),
        (format!("ws://{plain}/ --only nonsense"), "no attack has \"nonsense\""),
        (format!("ws://{plain}/ --only silence --skip silence"), "no attack is left"),
        (format!("ws://{plain}/ --ca /nonexistent"), "--ca is of no use without wss://"),
        (format!("wss://{plain}/ --ca /nonexistent"), "--ca /nonexistent: "),
    ] {
        let output = siege(&line(&words));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words}: {stderr}");
        assert!(stderr.lines().last().is_some_and(|line| line.contains(said)), "{words}: {stderr}");
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
    for said in ["null origin", "LET THROUGH", "CWE-1385", "Origin Header Validation", "OriginLayer", "1 let through"] {
        assert!(table.contains(said), "{said}: {table}");
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
fn an_interrupt_leaves_no_socket_and_says_what_was_not_run() {
    let tokens: Tokens = tokens();
    let server = Server::start(Loose::Everything, tokens.good.clone());
    let mut all = words(&server.url(), &tokens, "--only|null origin|--only|silence|--json");
    all.extend(["--silence".to_owned(), "60".to_owned()]);
    let child = command(&all).spawn().unwrap();
    // All that are tried with silence, at once.
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
        assert_eq!((&of(name)["verdict"], &of(name)["saw"]), (&"not-run".into(), &"interrupted".into()), "{name}");
    }
    server.wait_for(0);
}
