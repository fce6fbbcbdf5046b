//! nginx in front of a server, with the limits that the text on FastAPI advises.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Result;

/// The command that starts it on a port, in front of a server on another. A single process, so that it can be killed.
pub(crate) fn command(folder: &Path, port: u16, behind: u16, burst: usize) -> Result<Command> {
    let folder = folder.join("nginx");
    fs::create_dir_all(folder.join("logs"))?;
    let file = folder.join(format!("{port}.conf"));
    fs::write(&file, configuration(port, behind, burst))?;
    let mut command = Command::new(program(&folder).ok_or("there is no nginx")?);
    command.arg("-p").arg(&folder).arg("-c").arg(file).args(["-e", "stderr"]);
    Ok(command)
}

/// The machine's own, or the one that was unpacked into the folder.
pub(crate) fn program(folder: &Path) -> Option<PathBuf> {
    let programs = [PathBuf::from("/usr/sbin/nginx"), folder.join("usr/sbin/nginx")];
    programs.into_iter().find(|program| program.is_file())
}

/// Limits on handshakes and sockets per address, the same as for other servers, and a deadline for heads.
fn configuration(port: u16, behind: u16, burst: usize) -> String {
    let sockets = if burst > 1000 { 65_000 } else { 20 };
    let (rate, room) = if burst > 1000 { (100_000, 65_000) } else { (20, 100) };
    format!(
        "daemon off;
master_process off;
pid logs/{port}.pid;
error_log stderr crit;
worker_rlimit_nofile 65535;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    limit_req_zone $binary_remote_addr zone=handshakes:1m rate={rate}r/s;
    limit_conn_zone $binary_remote_addr zone=sockets:1m;
    client_header_timeout 3s;
    client_body_timeout 3s;
    client_max_body_size 64k;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            limit_req zone=handshakes burst={room} nodelay;
            limit_conn sockets {sockets};
            limit_req_status 429;
            limit_conn_status 429;
            proxy_pass http://127.0.0.1:{behind};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection \"upgrade\";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_read_timeout 60s;
        }}
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_off_when_measuring_costs() {
        assert!(configuration(1, 2, 40).contains("limit_conn sockets 20;"));
        assert!(configuration(1, 2, 40).contains("rate=20r/s"));
        assert!(configuration(1, 2, 100_000_000).contains("limit_conn sockets 65000;"));
    }
}
