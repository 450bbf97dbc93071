// Who the client is: whoever is connected, or, behind a proxy that is trusted, the last one that it names.

import type { ClientOrigin } from '../../net/http1/client-origin.ts'
import { fieldKinds } from '../../net/http1/field-names.ts'
import type { RequestHead } from '../../net/http1/request-head.ts'

export function clientAddressOf(request: RequestHead, origin: ClientOrigin): string {
  if (!origin.isTrusted) return origin.address
  let index = -1
  for (let next = request.findKind(fieldKinds.xForwardedFor); next >= 0; ) {
    index = next
    next = request.findKind(fieldKinds.xForwardedFor, next + 1)
  }
  const named = index < 0 ? undefined : request.value(index).split(',').at(-1)?.trim()
  return named || origin.address
}
