//! A certificate authority of the test's own, by openssl, with good certificates and bad ones; and a door that
//! speaks TLS with one of them in front of a server that speaks none.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a server shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Of the authority, for this machine, in force.
    Good,
    /// Of the authority, for this machine, over since years.
    Expired,
    /// Of the authority, in force, for another host.
    OtherName,
    /// For this machine, in force, and nobody but itself vouches for it.
    SelfSigned,
}

pub struct Authority {
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let authority = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let settings = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\n\
            policy = names\nunique_subject = no\ncertificate = ca.pem\nprivate_key = ca.key\n[names]\ncommonName = supplied\n\
            [here]\nsubjectAltName = DNS:localhost,IP:127.0.0.1\nextendedKeyUsage = serverAuth\n\
            [elsewhere]\nsubjectAltName = DNS:hooks.bank.example\nextendedKeyUsage = serverAuth\n";
        authority.write("ca.cnf", settings);
        authority.write("index", "");
        authority.write("serial", "01\n");
        authority.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.pem");
        authority.openssl("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=bank -keyout bank.key -out bank.csr");
        let sign = |name: &str, extensions: &str, from: &str, to: &str| {
            authority.openssl(&format!(
                "ca -batch -notext -config ca.cnf -extensions {extensions} -startdate {from} -enddate {to} -in bank.csr -out {name}.pem"
            ));
        };
        sign("Good", "here", "20200101000000Z", "20490101000000Z");
        sign("Expired", "here", "20200101000000Z", "20210101000000Z");
        sign(
            "OtherName",
            "elsewhere",
            "20200101000000Z",
            "20490101000000Z",
        );
        authority.openssl("req -x509 -key bank.key -days 2 -subj /CN=bank -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -out SelfSigned.pem");
        authority
    }

    /// The authority's own certificate, for those who shall trust it.
    pub fn pem(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// How a server with this certificate speaks TLS.
    pub fn acceptor(&self, certificate: Certificate) -> TlsAcceptor {
        let file = |name: &str| self.folder.path().join(name);
        let chain = CertificateDer::from_pem_file(file(&format!("{certificate:?}.pem")));
        let key = PrivateKeyDer::from_pem_file(file("bank.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("usual versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain.expect("a certificate")], key);
        TlsAcceptor::from(Arc::new(config.expect("the key is the certificate's")))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a file");
    }

    fn openssl(&self, arguments: &str) {
        openssl(self.folder.path(), arguments);
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("openssl runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {arguments}: {said}");
}

/// The door: TLS outside, the server's plain port inside. Lives as long as the runtime.
pub struct Door {
    pub address: SocketAddr,
    shown: Arc<Mutex<TlsAcceptor>>,
}

impl Door {
    pub async fn before(port: u16, acceptor: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shown = Arc::new(Mutex::new(acceptor));
        let show = Arc::clone(&shown);
        tokio::spawn(async move {
            while let Ok((outside, _)) = listener.accept().await {
                let acceptor = show.lock().expect("nobody panics with it").clone();
                tokio::spawn(async move {
                    let Ok(mut outside) = acceptor.accept(outside).await else {
                        return;
                    };
                    if let Ok(mut inside) = TcpStream::connect(("127.0.0.1", port)).await {
                        // Either side going away is one of the things tests do.
                        drop(tokio::io::copy_bidirectional(&mut outside, &mut inside).await);
                    }
                });
            }
        });
        Self { address, shown }
    }

    /// From now on it shows another certificate.
    pub fn shows(&self, acceptor: TlsAcceptor) {
        *self.shown.lock().expect("nobody panics with it") = acceptor;
    }
}
