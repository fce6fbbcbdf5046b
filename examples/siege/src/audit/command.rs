//! The command `siege audit`: what it prints, and how it ends.

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

/// Runs `siege audit` with the words behind it.
pub fn command(words: &[String]) -> ExitCode {
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return print(HELP);
    }
    if words.iter().any(|word| word == "--list") {
        return print(&list());
    }
    match Plan::parse(words).and_then(audit) {
        Ok(code) => code,
        Err(sentence) => {
            eprintln!("siege audit: {sentence}");
            ExitCode::from(2)
        }
    }
}

/// A reader that has gone, as `head` does, is not an error.
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

/// What is told to the thread that prints.
enum News {
    Begins(&'static str),
    Done(Finding),
    Over(Result<(), String>),
    Interrupted,
}

fn audit(plan: Plan) -> Result<ExitCode, String> {
    let (json, junit) = (plan.arguments.json, plan.arguments.junit.clone());
    eprintln!("{}", plan.preamble());
    let mut report = Report::new(&plan.arguments.url, plan.attacks());
    let (news, told) = channel();
    listen(news.clone());
    let (run, fail_on) = plan.begin();
    thread::spawn(move || {
        let (begins, done, over) = (news.clone(), news.clone(), news);
        // The thread that prints is gone when it was interrupted.
        let result = run.run(&mut |name| drop(begins.send(News::Begins(name))), &mut |finding| {
            drop(done.send(News::Done(finding)));
        });
        drop(over.send(News::Over(result)));
    });
    let interrupted = follow(&told, &mut report)?;
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

/// Tells of an interrupt. The process ends then, and with it every socket.
fn listen(news: Sender<News>) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if runtime.is_ok_and(|runtime| runtime.block_on(tokio::signal::ctrl_c()).is_ok()) {
            drop(news.send(News::Interrupted));
        }
    });
}

/// Collects what is found, and whether that was interrupted.
fn follow(told: &Receiver<News>, report: &mut Report) -> Result<bool, String> {
    let terminal = stderr().is_terminal();
    let clear = || {
        if terminal {
            eprint!("\r\u{1b}[K");
        }
    };
    loop {
        match told.recv() {
            Ok(News::Begins(name)) if terminal => {
                clear();
                eprint!("[{}/{}] {name} ", report.done() + 1, report.all());
            }
            Ok(News::Begins(_)) => {}
            Ok(News::Done(finding)) => report.add(finding),
            Ok(News::Over(result)) => {
                clear();
                return result.map(|()| false);
            }
            Ok(News::Interrupted) => {
                clear();
                return Ok(true);
            }
            Err(_) => return Err("the attacker has failed".to_owned()),
        }
    }
}
