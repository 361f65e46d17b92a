//! One plain HTTP/1.1 request over TCP (RFC 9112), for an auditor's witness: all that a node says in HTTP.
//!
//! The attack this stops is the server that answers with more than was asked for: an answer has a largest size, a
//! deadline, and one form.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// From the dialling to the last byte of the answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// The most bytes of an answer: a few signature lines with their head.
const LARGEST: usize = 64 << 10;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Sends a text to `path` at `address` (`host:port`), which HTTP calls `host`.
pub(super) async fn post(address: &str, host: &str, path: &str, body: &str) -> io::Result<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tacit\r\nContent-Type: text/plain; \
             charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await?;
            bytes.extend_from_slice(&piece[..read]);
            match parse(&bytes, read == 0) {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) if read > 0 && bytes.len() <= LARGEST => {}
                Ok(None) => return Err(malformed("its answer ends early, or not at all")),
                Err(problem) => return Err(malformed(problem)),
            }
        }
    };
    timeout(DEADLINE, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn malformed(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// Reads an answer; `None` as long as there is more to come.
fn parse(bytes: &[u8], ended: bool) -> Result<Option<Answer>, &'static str> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "its answer is not HTTP")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| {
        let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
        let digits = rest.get(..3).filter(|_| rest.len() == 3 || rest.as_bytes()[3] == b' ')?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
    });
    let status = status.ok_or("its answer is not HTTP")?;
    let (mut length, mut chunked) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("its answer has a line that is no header")?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let told = value.parse::<usize>().map_err(|_| "its answer has no length")?;
            // RFC 9112 section 6.3: two lengths are an attack.
            if length.replace(told).is_some_and(|before| before != told) {
                return Err("its answer has two lengths");
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err("its answer is encoded in a way that is not known here");
            }
            chunked = true;
        }
    }
    let rest = &bytes[end + 4..];
    let body = match (chunked, length) {
        (true, Some(_)) => return Err("its answer has two lengths"),
        (true, None) => unchunked(rest)?,
        (false, Some(length)) if length > LARGEST => return Err("its answer is too long"),
        (false, Some(length)) => rest.get(..length).map(<[u8]>::to_vec),
        (false, None) => ended.then(|| rest.to_vec()),
    };
    Ok(body.map(|body| Answer { status, body }))
}

/// Joins chunks (RFC 9112 section 7.1); `None` as long as the last one has not come.
fn unchunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    let wrong = "its answer's chunks are not chunks";
    let mut body = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(&rest[..line]).map_err(|_| wrong)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).ok().filter(|size| *size <= LARGEST).ok_or(wrong)?;
        if size == 0 {
            return Ok(Some(body));
        }
        let Some(chunk) = rest.get(line + 2..line + 2 + size) else { return Ok(None) };
        body.extend_from_slice(chunk);
        match rest.get(line + 2 + size..line + 4 + size) {
            Some(b"\r\n") => rest = &rest[line + 4 + size..],
            Some(_) => return Err(wrong),
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Option<Answer>, &'static str> {
        parse(text.as_bytes(), true)
    }

    #[test]
    fn an_answer_is_read_in_each_of_its_forms() {
        let answer = |status, body: &str| Ok(Some(Answer { status, body: body.as_bytes().to_vec() }));
        assert_eq!(whole("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"), answer(200, "hi"));
        assert_eq!(whole("HTTP/1.0 409 Conflict\r\nX: y\r\n\r\n12\n"), answer(409, "12\n"));
        assert_eq!(whole("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n"), answer(404, ""));
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        assert_eq!(whole(chunked), answer(200, "abcd"));
        // Whatever is cut off waits for more, or is no answer.
        for length in 0..chunked.len() - 4 {
            assert_eq!(parse(&chunked.as_bytes()[..length], false), Ok(None), "{length}");
        }
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\nabc", false), Ok(None));
    }

    #[test]
    fn garbage_is_no_answer() {
        for text in [
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        ] {
            assert!(whole(text).is_err(), "{text:?}");
        }
        assert!(parse(b"HTTP/1.1 200 OK\r\n\xff: x\r\n\r\n", true).is_err());
    }
}
