// Loaded before the programs of the suite: they listen on every interface unless told otherwise, and here the loopback is
// meant; and they take undici from beside them, which need not be installed when ours is.

import { registerHooks } from 'node:module'
import { type ListenOptions, Server } from 'node:net'

const { listen } = Server.prototype

Server.prototype.listen = function onLoopback(this: Server, ...args: unknown[]): Server {
  const [first, ...rest] = args
  if (typeof first !== 'number') return Reflect.apply(listen, this, args) as Server
  const options: ListenOptions = { port: first, host: '127.0.0.1' }
  return Reflect.apply(listen, this, [options, ...rest]) as Server
} as typeof listen

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'undici' ? next(specifier, { ...context, parentURL: import.meta.url }) : next(specifier, context),
})
