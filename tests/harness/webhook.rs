//! A receiver of webhooks that keeps what it was sent. It outlives the runs that are killed, as a real one would.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// One request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

/// What is answered: a status, further headers, a body.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);

type Answerer = Box<dyn FnMut(&Request) -> Answer + Send>;

/// A server on a port of its own. Its thread ends with the process.
pub(crate) struct Webhook {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    answerer: Arc<Mutex<Answerer>>,
}

impl Webhook {
    /// One that takes everything.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(vec![]));
        let answerer: Arc<Mutex<Answerer>> = Arc::new(Mutex::new(Box::new(|_| (200, vec![], "{}".into()))));
        let (kept, answers) = (Arc::clone(&requests), Arc::clone(&answerer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answers) = (Arc::clone(&kept), Arc::clone(&answers));
                std::thread::spawn(move || serve(stream, &kept, &answers));
            }
        });
        Self { url, requests, answerer }
    }

    /// Changes what is answered from now on.
    pub(crate) fn answer(&self, answerer: impl FnMut(&Request) -> Answer + Send + 'static) {
        *self.answerer.lock().unwrap() = Box::new(answerer);
    }

    /// What came since the last call, oldest first.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

/// Serves one connection until the client hangs up. A request is kept before it is answered: whoever was told has been heard.
fn serve(stream: TcpStream, kept: &Mutex<Vec<Request>>, answers: &Mutex<Answerer>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let request = read(&mut reader)?;
        kept.lock().unwrap().push(request.clone());
        let (status, headers, body) = (answers.lock().unwrap())(&request);
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()?;
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let method = line.split(' ').next()?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}
