//! The socket that `rdnbrd status` and exporters ask. Nobody who asks can hold the daemon up: reading and writing
//! never wait, an answer goes out in pieces, and who is slow is dropped.

use super::report::{Report, Reporter};
use super::wait::{Source, Waiting};
use crate::neighbor::Moment;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who is answered at a time; others are turned away.
const CLIENTS: usize = 16;
/// How long one may take to ask and to read.
const PATIENCE: Duration = Duration::from_secs(5);
/// Octets of a question.
const QUESTION: usize = 4096;
/// Octets that one client is sent before something else has its turn.
const PIECE: usize = 64 * 1024;

/// The open socket and who is at it.
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
    clients: [Option<Client>; CLIENTS],
}

struct Client {
    stream: UnixStream,
    asked: Vec<u8>,
    answer: Option<Answer>,
    until: Moment,
}

/// What is being sent.
struct Answer {
    /// Ready to be sent, from `at` on.
    octets: Vec<u8>,
    at: usize,
    /// Where more comes from.
    rest: Option<Report>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Status,
    Metrics { http: bool },
    Nothing { http: bool },
}

impl Control {
    /// Opens the socket, for its owner and group alone. The folder is made where it is missing, and a socket that a
    /// killed daemon left is replaced.
    pub(super) fn open(path: &Path, waiting: &Waiting) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        remove_stale(path)?;
        // Between the socket's birth and a change of its mode everybody could have come in.
        let mask = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o117));
        let bound = UnixListener::bind(path);
        nix::sys::stat::umask(mask);
        let listener = bound?;
        listener.set_nonblocking(true)?;
        waiting.read(&listener, Source::Listener)?;
        Ok(Self { listener, path: path.to_owned(), clients: [const { None }; CLIENTS] })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets in who waits.
    pub(super) fn accept(&mut self, waiting: &Waiting, now: Moment) {
        while let Ok((stream, _)) = self.listener.accept() {
            let Some(place) = self.clients.iter().position(Option::is_none) else { continue };
            let source = Source::Client(u32::try_from(place).unwrap_or_default());
            let fit = stream.set_nonblocking(true).is_ok() && waiting.read(&stream, source).is_ok();
            if let Some(client) = self.clients.get_mut(place).filter(|_| fit) {
                *client = Some(Client { stream, asked: Vec::new(), answer: None, until: now + PATIENCE });
            }
        }
    }

    /// Goes on with one client: reads its question or sends more of the answer.
    pub(super) fn serve(&mut self, place: u32, waiting: &Waiting, reporter: &dyn Reporter) {
        let Some(slot) = self.clients.get_mut(place as usize) else { return };
        let Some(client) = slot else { return };
        if !client.go_on(place, waiting, reporter) {
            *slot = None;
        }
    }

    /// Drops who took too long.
    pub(super) fn tidy(&mut self, now: Moment) {
        for slot in &mut self.clients {
            if slot.as_ref().is_some_and(|client| client.until <= now) {
                *slot = None;
            }
        }
    }

    /// When the next one will have taken too long.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.clients.iter().flatten().map(|client| client.until).min()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Where the folder is not ours any more, the next instance replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Client {
    /// False when it is done with, well or not.
    fn go_on(&mut self, place: u32, waiting: &Waiting, reporter: &dyn Reporter) -> bool {
        if let Some(answer) = &mut self.answer {
            return answer.send(&mut self.stream).unwrap_or(false);
        }
        let (mut buffer, mut ended) = ([0; 1024], false);
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    ended = true;
                    break;
                }
                Ok(length) => self.asked.extend(buffer.iter().take(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
            if self.asked.len() > QUESTION {
                return false;
            }
        }
        let Some(question) = question(&self.asked) else {
            return !ended;
        };
        let mut answer = Answer::to(question, reporter);
        match answer.send(&mut self.stream) {
            Ok(true) => {
                self.answer = Some(answer);
                waiting.write(&self.stream, Source::Client(place)).is_ok()
            }
            _ => false,
        }
    }
}

impl Answer {
    fn to(question: Question, reporter: &dyn Reporter) -> Self {
        let (octets, rest) = match question {
            Question::Status => (Vec::new(), Some(reporter.status())),
            Question::Metrics { http: false } => (reporter.metrics().into_bytes(), None),
            Question::Metrics { http: true } => (http("200 OK", &reporter.metrics()), None),
            Question::Nothing { http: false } => {
                (b"{\"error\":\"ask for status or metrics\"}\n".to_vec(), None)
            }
            Question::Nothing { http: true } => (http("404 Not Found", "ask for /metrics\n"), None),
        };
        Self { octets, at: 0, rest }
    }

    /// Sends a piece; false when all is sent.
    fn send(&mut self, stream: &mut UnixStream) -> io::Result<bool> {
        let mut sent = 0;
        while sent < PIECE {
            if self.at == self.octets.len() {
                self.octets.clear();
                self.at = 0;
                let more = self.rest.as_mut().is_some_and(|rest| rest.write_some(&mut self.octets));
                if !more && self.octets.is_empty() {
                    return Ok(false);
                }
            }
            match stream.write(self.octets.get(self.at..).unwrap_or_default()) {
                Ok(length) => {
                    self.at += length;
                    sent += length;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// A line that isn't HTTP, or a whole head of an HTTP request; none as long as it isn't complete.
fn question(asked: &[u8]) -> Option<Question> {
    let text = String::from_utf8_lossy(asked);
    let (line, _) = text.split_once('\n')?;
    let Some(request) = line.strip_prefix("GET ") else {
        return Some(match line.trim() {
            "status" => Question::Status,
            "metrics" => Question::Metrics { http: false },
            _ => Question::Nothing { http: false },
        });
    };
    if !text.contains("\r\n\r\n") && !text.contains("\n\n") {
        return None;
    }
    let path = request.split([' ', '?', '\r']).next();
    Some(if path == Some("/metrics") {
        Question::Metrics { http: true }
    } else {
        Question::Nothing { http: true }
    })
}

fn http(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Removes a socket at which nobody answers; refuses to touch anything else.
fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        kind => kind?.file_type(),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "something else has that name"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another daemon answers there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_line_or_a_whole_http_head() {
        for (asked, meant) in [
            ("", None),
            ("status", None),
            ("status\n", Some(Question::Status)),
            ("status\r\n", Some(Question::Status)),
            ("metrics\n", Some(Question::Metrics { http: false })),
            ("routes\n", Some(Question::Nothing { http: false })),
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n", None),
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Some(Question::Metrics { http: true })),
            ("GET /metrics?a=b HTTP/1.0\r\n\r\n", Some(Question::Metrics { http: true })),
            ("GET /metricsx HTTP/1.0\r\n\r\n", Some(Question::Nothing { http: true })),
            ("GET / HTTP/1.0\r\n\r\n", Some(Question::Nothing { http: true })),
        ] {
            assert_eq!(question(asked.as_bytes()), meant, "{asked:?}");
        }
        assert_eq!(question(&[0xff, b'\n']), Some(Question::Nothing { http: false }));
    }

    #[test]
    fn only_a_dead_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        remove_stale(&path).unwrap();
        let alive = UnixListener::bind(&path).unwrap();
        assert_eq!(remove_stale(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(alive);
        remove_stale(&path).unwrap();
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        assert_eq!(remove_stale(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
}
