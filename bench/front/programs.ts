// The programs beside which the engine is measured, one worker and one thread each, configured alike: kept connections on
// both sides, X-Forwarded-For, no log.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const address = '127.0.0.1'

export interface Command {
  command: string
  args: string[]
}

/** The server that stands behind every proxy. */
export async function answeringNginx(dir: string, port: number, bodyBytes: number): Promise<Command> {
  const answer = `location / { return 200 "${'x'.repeat(bodyBytes)}"; }`
  return nginx(dir, 'server', `server { listen ${address}:${port}; default_type text/plain; ${answer} }`)
}

export async function proxyingNginx(dir: string, port: number, serverPort: number): Promise<Command> {
  const upstream = `upstream behind { server ${address}:${serverPort}; keepalive 256; keepalive_requests 100000000; }`
  const proxy =
    'proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;'
  return nginx(dir, 'proxy', `${upstream} server { listen ${address}:${port}; location / { ${proxy} } }`)
}

async function nginx(dir: string, name: string, http: string): Promise<Command> {
  const file = join(dir, `nginx-${name}.conf`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${dir}/${kind};`,
  )
  await writeFile(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${dir}/nginx-${name}.pid; error_log ${dir}/nginx-${name}.log;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 600s; ${temporary.join(' ')} ${http} }
`,
  )
  return { command: 'nginx', args: ['-c', file, '-p', dir, '-e', `${dir}/nginx-${name}.log`] }
}

export async function proxyingHaproxy(dir: string, port: number, serverPort: number): Promise<Command> {
  const file = join(dir, 'haproxy.cfg')
  await writeFile(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse always
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend in
  bind ${address}:${port}
  default_backend behind
backend behind
  server one ${address}:${serverPort}
`,
  )
  return { command: 'haproxy', args: ['-f', file, '-db'] }
}
