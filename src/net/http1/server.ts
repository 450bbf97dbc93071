// The name under which the engine's server was known before it learned TLS and HTTP/2.

export { HttpServer as Http1Server, type HttpServerOptions as Http1ServerOptions } from '../server/http-server.ts'
