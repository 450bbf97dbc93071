// Real small photographs for uploads: one JPEG of 320 x 240, made different for every upload by a comment segment.
// Format: ITU-T T.81, B.2.4.5 (COM: marker FFFE, two bytes of length that count themselves, text).

const sunset = Buffer.from(
  '/9j/2wBDABISEhITEhQWFhQcHhseHCkmIiImKT4sMCwwLD5eO0U7O0U7XlNlUk1SZVOWdmhodpatkYqRrdK8vNL/+///////2wBDARISEhIT' +
    'EhQWFhQcHhseHCkmIiImKT4sMCwwLD5eO0U7O0U7XlNlUk1SZVOWdmhodpatkYqRrdK8vNL/+///////wgARCADwAUADASIAAhEBAxEB/8QA' +
    'GgABAQEBAQEBAAAAAAAAAAAAAAECBQQDBv/EABkBAQADAQEAAAAAAAAAAAAAAAABAgMEBf/aAAwDAQACEAMQAAAA7aPK9OoKgqCoKgqCoKgq' +
    'CoKgqCoKgqCoKgqCoMom1QVBUFQVBUFQVBUFQVBUFQVBUFQVBUFQRlM6ZGmRpkaZGmRpkaZGmRpkaZGmRpkaZGmRpkaZGmRpkaZERNqgqCoK' +
    'gqCoKgqCoKgqCoKgqCoKgqCoKgyibVBUFQVBUFQVBUFQVBUFTRHq+jPwvV5lohaoKgqCoIym2mRpkaZGmRpkaZGmRpkaZGmRpn6o+vVuo4AZ' +
    'sbHH8/e4jtwynfTI0yNMiImagqCoKgqCoKgqCoKgvT5fajD1COEABz+h5V+Myn0tMjTI0yIi1qgqCoKnGvn2nH68KimlQVBUFQXs8X3MeyK+' +
    'cAA8Xt406+JE+lUFQVBGVraZGmRrOOFrz/Twnf5Lrckn9Y5HV832dMq6aZGmRpkaZHe9n47pPO774/XPCvjz5v6uHJb0NMmumRpkaZGWV66Z' +
    'Gvl8uJty7+J3eWCAHU5aun6hyun5/r6ZV00yNM/Ca+nmeH4dXn2HTxe/rfmtYdf6ZzOhyehtlXTTI0yNMjTIyw0x34/lzN+Ww6eAAAAB0uar' +
    'f9I5nQ4/T3PPy7U9fOjq4AtmAA+3xJ7Pr/N+rn7O08/1w69sInbA2wM875ebr88NeYAAAAAB6fMi1hNQAAAAAL7fCi/d1w/fh1e1hnttgcMd' +
    'nmAAAAAAAAAAAAAAAAAfb38pXTtOd7M+jlDbjAAAAAAAAAAAAAAAAAAWAAAAAAAAAAAAAAAAAAAAD//EADIQAAEEAQEFBQcEAwAAAAAAAAEA' +
    'AgMRBCEiMDFQUSBBcYGhBRASMkBykhQ0YbFgY4D/2gAIAQEAAT8A/wCgWtc800ElNw5TxIC/Q/7PROw5RwIKc1zDTgQeRwY5lNnRqYxrBTRQ' +
    '7D2NeKcLCnxzEbGreQxRmWQNCa0NaGgUB2nNDmlpFgqWMxSFp5BgM2Xv6mtxns2WP6GuQYf7dnnuMz9u/wAuQYLrgroTuM51QV1I+hsBZecX' +
    'XHEdO9yws3hFKftdvcGUMlLDwduM6UPlDBwZ9A5zWtLnEABZWY6a2M0Z/fvw83hFKftdvLWJlCZvwuO2PXtZeUIW/C07Z9Fe/kkZE0ueaCyc' +
    'p856NHAdnDzOEcp+128mymY9G9ruA4rC9txTANk0cmTwv+WRqsJ88LPmkapvaPdEPMokuJJNk7q1atWrU07IW24+AU075nW4+A7eJmcI5D4F' +
    'WrVq1atWrRcACSaCnz+LYfyRJJJJs+6DPeyhJtD1UczJRbHWrVq1atWrVq1atWrVq1anyWQjq7uCkkfI4ucbO5xMvhHIfAq1atWrVqbJjhGp' +
    's9FNkSTHaNDp2Wvcw20kFQ54NCX8kHAiwbCtWrVq1atWrVq1atZGUItlur/6TnFxJJsnd4uVwjkPgVatWi4AWTQU+bxbF+SJJNk2dxFNJEdk' +
    '+Shy45KB2XK1atWrVq1atWrWRl1bIzr3nfY2VwY8+BVqXIZENTZ6KWeSU6mh03kOVJHQO01RzxyjZPkrVq1atWrVrIyi62MOnefoBlStj+D1' +
    'RJJsnfAkGwaKizCKEmv8pr2uFtNhWrVq1anyDJst0byJj3sNtNKLLa7R+hVq1avkscz4+BsdFHOyT+D05THkubo7UJr2vFtPKAS02DX+c//E' +
    'ACURAAICAgEEAAcAAAAAAAAAAAECABEDISAQEjAxBEBBUFFhcP/aAAgBAgEBPwD+IJjbIaEfGyNR5HgPBixHIfwIqqgoCOiutGOjI1Hkcb9v' +
    'cFNdKgHGpUxYS+z6gAAodXQOKMfGUNGVKgUk0BMfw4G22ej4FbY0Y2NkOxKlSpUqVMeG9tyZQ4oxkKmjExFv0IqKg0OBAIox8H1WFSJUqVEx' +
    '1s+AgH2PAyhvYjYiPW5Ur5MoDChH2n//xAArEQACAgEBBgYBBQAAAAAAAAABAgADERIEICEwMUEQIkBRYXFCUFJggZH/2gAIAQMBAT8A/jpt' +
    'rH5RWVuh9CcAZMssLn48abNYweo9BtBxX9ncqOLF++TbalS5b+hKrFtXUu9emqs/HHcoXVYvxx5F960j3bsI7tYxZjkyq1qm1LKrFtXUu9dW' +
    'ofCMM/thBHUYiVWP0WVVCtcd+53dU1S/ahX5V4tGYsSSck+NVrVNqWV3LYuRNU1RnCjJOBLtsZsrXwHv4VbW6cG8wiXJYMqZqmqapqmqZl20' +
    '4yqdffersatsiJarrkSzaFr+TLLHsOWO4CVOQcGV7X2f/YHBGQZmZmZbeT5V5Csy5wcchHZDlTEvDdeBmqZ9GtjL9RbA36T/AP/Z',
  'base64',
)

const startOfImageBytes = 2

/** A valid JPEG that carries `text` and so has bytes of its own. */
export function jpegWith(text: string): Buffer {
  const comment = Buffer.from(text, 'utf8')
  const head = Buffer.from([0xff, 0xfe, 0, 0])
  head.writeUInt16BE(comment.length + 2, 2)
  return Buffer.concat([sunset.subarray(0, startOfImageBytes), head, comment, sunset.subarray(startOfImageBytes)])
}
