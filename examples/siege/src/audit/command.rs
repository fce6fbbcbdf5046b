//! The command `siege audit`: its output and its exit code.

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use super::{
    arguments::{FailOn, HELP},
    attacks,
    plan::Plan,
    report::{Finding, Report},
};

/// Runs `siege audit` with its arguments.
pub fn command(words: &[String]) -> ExitCode {
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return print(HELP);
    }
    if words.iter().any(|word| word == "--list") {
        return print(&list());
    }
    match Plan::parse(words).and_then(audit) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("siege audit: {message}");
            ExitCode::from(2)
        }
    }
}

/// Prints a text. A closed pipe, such as that of `head`, is not an error.
fn print(text: &str) -> ExitCode {
    let _gone_already = writeln!(stdout(), "{text}");
    ExitCode::SUCCESS
}

fn list() -> String {
    let line = |attack: &super::attack::Attack| {
        let weakness = if attack.group.cwe == 0 { String::new() } else { format!("CWE-{}", attack.group.cwe) };
        format!("{:<12} {weakness:<9} {}", attack.group.name, attack.name)
    };
    attacks::all().iter().map(line).collect::<Vec<_>>().join("\n")
}

/// An event for the thread that prints.
enum Event {
    Started(&'static str),
    Finished(Finding),
    Ended(Result<(), String>),
    Interrupted,
}

fn audit(plan: Plan) -> Result<ExitCode, String> {
    let (json, junit) = (plan.arguments.json, plan.arguments.junit.clone());
    eprintln!("{}", plan.preamble());
    let mut report = Report::new(&plan.arguments.url, plan.attacks());
    let (events, receiver) = channel();
    forward_interrupt(events.clone());
    let (run, fail_on) = plan.begin();
    thread::spawn(move || {
        let (started, finished, ended) = (events.clone(), events.clone(), events);
        // After an interrupt, the thread that prints is gone.
        let result = run.run(&mut |name| drop(started.send(Event::Started(name))), &mut |finding| {
            drop(finished.send(Event::Finished(finding)));
        });
        drop(ended.send(Event::Ended(result)));
    });
    let interrupted = follow(&receiver, &mut report)?;
    if interrupted {
        report.interrupt();
    }
    let text = if json { report.to_json() } else { report.to_table() };
    print(&text);
    if let Some(file) = junit {
        let xml = report.to_junit(fail_on == FailOn::Unclear);
        std::fs::write(&file, xml).map_err(|error| format!("--junit {}: {error}", file.display()))?;
    }
    Ok(code(&report, fail_on, interrupted))
}

fn code(report: &Report, fail_on: FailOn, interrupted: bool) -> ExitCode {
    let failed = match fail_on {
        FailOn::Through => report.has_failed(false),
        FailOn::Unclear => report.has_failed(true),
        FailOn::Never => false,
    };
    match (interrupted, failed) {
        (true, _) => ExitCode::from(130),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    }
}

/// Forwards an interrupt. The process then exits, which closes every socket.
fn forward_interrupt(events: Sender<Event>) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if runtime.is_ok_and(|runtime| runtime.block_on(tokio::signal::ctrl_c()).is_ok()) {
            drop(events.send(Event::Interrupted));
        }
    });
}

/// Collects the findings. Returns whether the audit was interrupted.
fn follow(receiver: &Receiver<Event>, report: &mut Report) -> Result<bool, String> {
    let terminal = stderr().is_terminal();
    let clear = || {
        if terminal {
            eprint!("\r\u{1b}[K");
        }
    };
    loop {
        match receiver.recv() {
            Ok(Event::Started(name)) if terminal => {
                clear();
                eprint!("[{}/{}] {name} ", report.done() + 1, report.all());
            }
            Ok(Event::Started(_)) => {}
            Ok(Event::Finished(finding)) => report.add(finding),
            Ok(Event::Ended(result)) => {
                clear();
                return result.map(|()| false);
            }
            Ok(Event::Interrupted) => {
                clear();
                return Ok(true);
            }
            Err(_) => return Err("the attacker has failed".to_owned()),
        }
    }
}
