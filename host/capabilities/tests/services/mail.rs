use std::{path::Path, time::Duration};

use capabilities::mail::{Attachment, Error, Mailer as _, Message, SmtpMailer};
use telemetry::{BreakerOptions, BreakerState};
use test_support::{free_port, until};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use crate::{address, unique};

fn message(id: String) -> Message {
    Message {
        id,
        to: "ada@example.com".into(),
        sender_name: Some("Bühne via Marquee".into()),
        reply_to: Some("box@example.com".into()),
        list_unsubscribe: None,
        subject: "Ihre Plätze".into(),
        text: "Grüße,\n.\nein Punkt allein in seiner Zeile\n".into(),
        html: Some("<p>Grüße</p>".into()),
        attachments: vec![Attachment {
            filename: "tickets.pdf".into(),
            content_type: "application/pdf".into(),
            content: vec![0xAB; 3_000],
        }],
    }
}

fn mailer(url: &str) -> SmtpMailer {
    SmtpMailer::new(url, "Marquee <tickets@marquee.example>", None, BreakerOptions::default()).unwrap()
}

/// The mail with this in it, once it is in the folder.
async fn delivered(maildir: &str, mark: &str) -> Vec<String> {
    let folder = Path::new(maildir).join("new");
    let mails = || {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).filter(|mail| mail.contains(mark)).collect::<Vec<_>>()
    };
    until("the mail is there", async || Some(mails()).filter(|mails| !mails.is_empty())).await
}

#[tokio::test]
async fn a_mail_arrives_with_all_its_parts_and_the_id_of_its_message() {
    let (url, maildir) = (address("MARQUEE_TEST_SMTP"), address("MARQUEE_TEST_MAILDIR"));
    let (mailer, id) = (mailer(&url), unique("mail").replace('_', "."));
    mailer.send(message(id.clone())).await.unwrap();
    let mails = delivered(&maildir, &id).await;
    let mail = mails[0].replace("\r\n", "\n");
    assert!(mail.contains(&format!("Message-ID: <{id}@marquee.example>\n")), "{mail}");
    assert!(
        mail.contains("From: =?utf-8?b?QsO8aG5lIHZpYSBNYXJxdWVl?= <tickets@marquee.example>\nTo: ada@example.com\n"),
        "{mail}"
    );
    assert!(mail.contains("Reply-To: box@example.com\n"), "{mail}");
    assert!(
        mail.contains("filename=\"tickets.pdf\"") && mail.contains("text/html") && mail.contains(&"q6ur".repeat(19)),
        "{mail}"
    );
    // Another on the same connection, and many at once.
    let ids: Vec<String> = (0..30).map(|_| unique("mail").replace('_', ".")).collect();
    let sent = futures::future::join_all(ids.iter().map(|id| mailer.send(message(id.clone())))).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    for id in &ids {
        assert_eq!(delivered(&maildir, &format!("<{id}@marquee.example>")).await.len(), 1);
    }
    assert_eq!(mailer.breaker().counts().succeeded, 31);
}

/// A server that answers each command that begins so with these lines; `None` ends the connection. It answers everything else well.
async fn server(script: &'static [(&'static str, Option<&'static str>)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (reading, mut writing) = stream.split();
                let mut lines = BufReader::new(reading).lines();
                let said = |command: &str| script.iter().find(|(begin, _)| command.starts_with(begin)).map(|(_, said)| *said);
                let mut next = said("GREETING").unwrap_or(Some("220 here"));
                loop {
                    let Some(answer) = next else { return };
                    if writing.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                        return;
                    }
                    if answer.starts_with("221") {
                        return;
                    }
                    let in_data = answer.starts_with("354");
                    let command = loop {
                        let Ok(Some(line)) = lines.next_line().await else { return };
                        if !in_data {
                            break line;
                        }
                        if line == "." {
                            break "CONTENT".to_owned();
                        }
                    };
                    let well = match command.get(..4).unwrap_or_default() {
                        "EHLO" => "250-here\r\n250 8BITMIME",
                        "DATA" => "354 go on",
                        "QUIT" => "221 bye",
                        _ => "250 OK",
                    };
                    next = said(&command).unwrap_or(Some(well));
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn what_the_server_says_decides_what_the_sender_hears() {
    const LATER: u32 = 60_000;
    type Case = (&'static [(&'static str, Option<&'static str>)], Result<(), Error>);
    let rejected = || Err(Error::Rejected(String::new()));
    let cases: Vec<Case> = vec![
        (&[], Ok(())),
        (&[("GREETING", Some("554 not you"))], Err(Error::Unavailable(LATER))),
        (&[("GREETING", Some("421 too busy"))], Err(Error::Unavailable(1_000))),
        (&[("GREETING", None)], Err(Error::Unavailable(1_000))),
        (&[("MAIL", Some("451 later"))], Err(Error::Unavailable(LATER))),
        (&[("MAIL", None)], Err(Error::Unavailable(1_000))),
        (&[("RCPT", Some("450 greylisted"))], Err(Error::Unavailable(LATER))),
        (&[("RCPT", Some("550 nobody of that name"))], rejected()),
        (&[("RCPT", Some("421 closing"))], Err(Error::Unavailable(1_000))),
        (&[("DATA", Some("554 no"))], rejected()),
        (&[("DATA", None)], Err(Error::Unavailable(1_000))),
        (&[("CONTENT", Some("452 full"))], Err(Error::Unavailable(LATER))),
        (&[("CONTENT", Some("554 spam"))], rejected()),
        (&[("CONTENT", None)], Err(Error::Unknown)),
        (&[("EHLO", Some("250 here"))], Ok(())),
    ];
    for (script, expected) in cases {
        let outcome = mailer(&server(script).await).send(message("id".into())).await;
        match (&outcome, &expected) {
            (Err(Error::Rejected(reason)), Err(Error::Rejected(_))) => {
                let said = script[0].1.unwrap().split_once(' ').unwrap().1;
                assert!(reason.contains(said), "{script:?}: {reason}");
            }
            _ => assert_eq!(outcome, expected, "{script:?}"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_told_to_this_server_is_rejected_and_passwords_are_kept() {
    let to = |to: &str| Message { to: to.into(), ..message("id".into()) };
    let mailer = mailer(&server(&[]).await);
    assert!(matches!(mailer.send(to("jörg@example.com")).await, Err(Error::Rejected(reason)) if reason.contains("ASCII")));
    assert_eq!(mailer.send(to("joerg@bücher.example")).await, Ok(()));
    // Where answers go is worth no mail.
    let answers = Message { reply_to: Some("jörg@example.com".into()), ..message("id".into()) };
    assert_eq!(mailer.send(answers).await, Ok(()));
    assert!(matches!(mailer.send(to("nobody")).await, Err(Error::Rejected(_))));
    let with_password = server(&[("AUTH", Some("535 wrong"))]).await.replace("smtp://", "smtp://me:hunter2@");
    assert!(!format!("{:?}", self::mailer(&with_password)).contains("hunter2"));
    assert!(matches!(self::mailer(&with_password).send(message("id".into())).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_left_alone() {
    let options = BreakerOptions { failures: 3, open: Duration::from_secs(3_600), longest: Duration::from_secs(3_600) };
    let mailer = SmtpMailer::new(&format!("smtp://127.0.0.1:{}", free_port()), "m@marquee.example", None, options).unwrap();
    for _ in 0..3 {
        assert_eq!(mailer.send(message("id".into())).await, Err(Error::Unavailable(1_000)));
    }
    assert_eq!(mailer.breaker().state(), BreakerState::Open);
    match mailer.send(message("id".into())).await {
        Err(Error::Unavailable(later)) => assert!(later > 1_000_000, "{later}"),
        other => panic!("{other:?}"),
    }
}
