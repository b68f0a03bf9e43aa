//! A name server that lies (RFC 1035 §4): addresses of all kinds in one answer, another answer each time, aliases in a
//! ring, thousands of addresses, rubbish, silence. Counts what it is asked.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
/// What an answer over UDP may hold.
const DATAGRAM: usize = 512;

/// Name and type → how often it was asked for.
pub type Asked = Arc<Mutex<HashMap<(String, u16), usize>>>;

enum Says {
    /// These addresses, of whichever name the aliases lead to.
    Told(Vec<&'static str>, Vec<IpAddr>),
    Rubbish,
    Nothing,
}

/// The names, and what came of sending to each: what the hub must have recorded. `public` answers nothing on any port.
pub const NAMES: [(&str, &str); 15] = [
    ("good", "connect"),
    ("inner", "address_refused"),
    ("cloud", "address_refused"),
    ("mixed", "address_refused"),
    ("mixed-last", "address_refused"),
    ("both", "address_refused"),
    ("mapped", "address_refused"),
    ("translated", "address_refused"),
    ("alias", "address_refused"),
    ("huge", "address_refused"),
    ("changing", "connect"),
    ("ring", "dns"),
    ("rubbish", "dns"),
    ("silent", "dns"),
    ("nobody", "dns"),
];

fn says(name: &str, public: IpAddr, asked_before: usize) -> Says {
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    let told = |addresses: &[&str]| {
        let mut all = vec![public];
        all.extend(addresses.iter().map(|text| ip(text)));
        Says::Told(Vec::new(), all)
    };
    let only = |address: &str| Says::Told(Vec::new(), vec![ip(address)]);
    match name.split('.').next().unwrap_or_default() {
        "good" => told(&[]),
        "inner" => only("127.0.0.1"),
        "cloud" => only("169.254.169.254"),
        "mixed" => told(&["10.0.0.1"]),
        "mixed-last" => told(&[
            "8.8.8.1",
            "8.8.8.2",
            "8.8.8.3",
            "8.8.8.4",
            "8.8.8.5",
            "8.8.8.6",
            "8.8.8.7",
            "8.8.8.8",
            "192.168.1.1",
        ]),
        "both" => told(&["fd00:ec2::254"]),
        "mapped" => told(&["::ffff:10.0.0.1"]),
        "translated" => told(&["64:ff9b::a00:1"]),
        "alias" => Says::Told(vec!["cloud.bank.example"], vec![ip("169.254.169.254")]),
        "huge" => {
            let many = (0..2_000_u32).map(|n| IpAddr::V4((0x0808_0000 + n).into()));
            Says::Told(Vec::new(), many.chain([ip("10.0.0.1")]).collect())
        }
        // Public when it is judged, denied for whoever would ask again in order to connect.
        "changing" if asked_before == 0 => told(&[]),
        "changing" => only("10.0.0.1"),
        "ring" => Says::Told(vec!["gnir.bank.example", "ring.bank.example"], Vec::new()),
        "gnir" => Says::Told(vec!["ring.bank.example", "gnir.bank.example"], Vec::new()),
        "rubbish" => Says::Rubbish,
        "silent" => Says::Nothing,
        _ => Says::Told(Vec::new(), Vec::new()),
    }
}

/// Serves on this address, in the calling thread's network, until the process ends.
pub fn serve(at: SocketAddr, asked: Asked) {
    let udp = UdpSocket::bind(at).expect("the port is free");
    let tcp = TcpListener::bind(at).expect("the port is free");
    let of_tcp = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            let _ = over_tcp(stream, at.ip(), &of_tcp);
        }
    });
    std::thread::spawn(move || {
        let mut question = [0; 1_500];
        while let Ok((length, from)) = udp.recv_from(&mut question) {
            if let Some(answer) = answer(&question[..length], at.ip(), &asked, true) {
                let _ = udp.send_to(&answer, from);
            }
        }
    });
}

fn over_tcp(mut stream: TcpStream, public: IpAddr, asked: &Asked) -> std::io::Result<()> {
    let mut length = [0; 2];
    // A resolver asks for both kinds of addresses on one connection.
    while stream.read_exact(&mut length).is_ok() {
        let mut question = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut question)?;
        if let Some(answer) = answer(&question, public, asked, false) {
            let length = u16::try_from(answer.len()).expect("an answer fits");
            stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
        }
    }
    Ok(())
}

/// Reads the one question of a message: its name, its type, and where it ends.
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = message.get(at..at + 2)?;
    Some((
        labels.join("."),
        u16::from_be_bytes([kind[0], kind[1]]),
        at + 4,
    ))
}

fn spelled(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn answer(message: &[u8], public: IpAddr, asked: &Asked, datagram: bool) -> Option<Vec<u8>> {
    let (name, kind, end) = question(message)?;
    let before = {
        let mut asked = asked.lock().expect("nobody panics holding it");
        let count = asked.entry((name.clone(), kind)).or_insert(0);
        *count += 1;
        *count - 1
    };
    let (aliases, addresses) = match says(&name, public, before) {
        Says::Told(aliases, addresses) => (aliases, addresses),
        Says::Rubbish => return Some([&message[..2], &[0xff; 40]].concat()),
        Says::Nothing => return None,
    };
    let mut records = Vec::new();
    let mut owner = spelled(&name);
    let mut count = 0_u16;
    let mut record = |owner: &[u8], kind: u16, data: &[u8]| {
        let length = u16::try_from(data.len()).expect("short");
        // Class IN; kept for no time at all.
        let parts = [
            owner,
            &kind.to_be_bytes(),
            &[0, 1, 0, 0, 0, 0],
            &length.to_be_bytes(),
            data,
        ];
        records.extend(parts.concat());
        count += 1;
    };
    for alias in aliases {
        record(&owner, CNAME, &spelled(alias));
        owner = spelled(alias);
    }
    // Compressed: the question's own name.
    let short = if owner == spelled(&name) {
        vec![0xc0, 12]
    } else {
        owner
    };
    for address in addresses {
        match address {
            IpAddr::V4(v4) if kind == A => record(&short, A, &v4.octets()),
            IpAddr::V6(v6) if kind == AAAA => record(&short, AAAA, &v6.octets()),
            _ => {}
        }
    }
    let whole = end + records.len() <= DATAGRAM || !datagram;
    let flags: u16 = if whole { 0x8580 } else { 0x8780 };
    let counts = if whole { count } else { 0 };
    let mut answer = message[..2].to_vec();
    answer.extend(flags.to_be_bytes());
    answer.extend([0, 1]);
    answer.extend(counts.to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(&message[12..end]);
    if whole {
        answer.extend(records);
    }
    Some(answer)
}
