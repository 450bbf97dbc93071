// A queue of known payloads: the queue that apps hold, with a name filled in.

import type { Payload, Publisher, Queue, TypedQueue } from './contract.ts'

export function typedQueue<Input extends Payload, Output extends Payload>(
  name: string,
  queue: Queue,
): TypedQueue<Input, Output> {
  const publisher = (inner: Publisher): Pick<TypedQueue<Input, Output>, 'publish' | 'publishMany'> => ({
    publish: (payload, options) => inner.publish(name, payload, options),
    publishMany: (jobs) => inner.publishMany(name, jobs),
  })
  return {
    name,
    ...publisher(queue),
    in: (tx) => publisher(queue.in(tx)),
    handle: (options, handler) => queue.handle<Output>(name, options, handler),
    handleMany: (options, handler) => queue.handleMany<Output>(name, options, handler),
    handleInThread: (options, file, beside) => queue.handleInThread(name, options, file, beside),
  }
}
