// The programs beside which the engine is measured, one worker and one thread each, configured alike: kept connections on
// both sides, X-Forwarded-For, no log.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const address = '127.0.0.1'
/** A longer text does not fit into a directive of nginx. */
const inConfigurationBytesMax = 2048

export interface Command {
  command: string
  args: string[]
}

/** The server that stands behind every proxy. What it answers may be kept for an hour. */
export async function answeringNginx(dir: string, port: number, bodyBytes: number): Promise<Command> {
  const root = join(dir, 'server')
  await mkdir(root, { recursive: true })
  await writeFile(join(root, 'index.html'), 'x'.repeat(bodyBytes))
  const small = `return 200 "${'x'.repeat(Math.min(bodyBytes, inConfigurationBytesMax))}";`
  const answer = bodyBytes <= inConfigurationBytesMax ? small : `root ${root};`
  const location = `location / { add_header Cache-Control max-age=3600; ${answer} }`
  return nginx(dir, 'server', `server { listen ${address}:${port}; default_type text/plain; ${location} }`)
}

export async function proxyingNginx(dir: string, port: number, serverPort: number): Promise<Command> {
  const upstream = `upstream behind { server ${address}:${serverPort}; keepalive 256; keepalive_requests 100000000; }`
  const proxy =
    'proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;'
  return nginx(dir, 'proxy', `${upstream} server { listen ${address}:${port}; location / { ${proxy} } }`)
}

/** `tcp_nopush` is how Debian configures it; with it, large answers wait for the last packet, and so it is also run without. */
export async function cachingNginx(
  dir: string,
  port: number,
  serverPort: number,
  { nopush = false } = {},
): Promise<Command> {
  const name = nopush ? 'cache-nopush' : 'cache'
  const cache = `proxy_cache_path ${dir}/${name} keys_zone=one:10m max_size=256m use_temp_path=off;`
  const proxy = `proxy_pass http://${address}:${serverPort}; proxy_cache one; proxy_cache_lock on;`
  const sending = `sendfile on; tcp_nopush ${nopush ? 'on' : 'off'}; tcp_nodelay on;`
  const server = `server { listen ${address}:${port}; ${sending} location / { ${proxy} } }`
  return nginx(dir, name, `${cache} ${server}`)
}

export async function cachingVarnish(dir: string, port: number, serverPort: number): Promise<Command> {
  const file = join(dir, 'varnish.vcl')
  await writeFile(file, `vcl 4.1;\nbackend default { .host = "${address}"; .port = "${serverPort}"; }\n`)
  const storage = ['-s', 'malloc,256m', '-n', join(dir, 'varnish')]
  return {
    command: 'varnishd',
    args: ['-j', 'none', '-F', '-f', file, '-a', `${address}:${port}`, '-p', 'thread_pools=1', ...storage],
  }
}

/** HAProxy keeps small answers only, and no others than GET of HTTP/1.1. */
export async function cachingHaproxy(dir: string, port: number, serverPort: number): Promise<Command> {
  const cache = ['cache one', 'total-max-size 64', 'max-object-size 1048576', 'max-age 3600']
  return haproxy(dir, 'cache', {
    port,
    serverPort,
    sections: cache,
    backend: ['http-request cache-use one', 'http-response cache-store one'],
  })
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
  return haproxy(dir, 'proxy', { port, serverPort, sections: [], backend: [] })
}

interface HaproxyPlan {
  port: number
  serverPort: number
  /** Lines of a section of its own. */
  sections: string[]
  /** Lines of the backend. */
  backend: string[]
}

async function haproxy(
  dir: string,
  name: string,
  { port, serverPort, sections, backend }: HaproxyPlan,
): Promise<Command> {
  const file = join(dir, `haproxy-${name}.cfg`)
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
${sections.join('\n  ')}
frontend in
  bind ${address}:${port}
  default_backend behind
backend behind
  ${[...backend, `server one ${address}:${serverPort}`].join('\n  ')}
`,
  )
  return { command: 'haproxy', args: ['-f', file, '-db'] }
}
