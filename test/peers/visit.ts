const STEPS_MAX = 20;

/** Goes to a provider's address as a browser does, and signs in with its forms. */
export class Visitor {
  readonly #login: string;
  /** By origin. */
  readonly #cookies: Map<string, Map<string, string>> = new Map();

  constructor(login: string) {
    this.#login = login;
  }

  /**
   * Follows where the provider sends, and fills its forms in.
   *
   * @returns The first address of another origin.
   */
  async go(address: string): Promise<string> {
    const { origin } = new URL(address);
    let url = address;
    let form: URLSearchParams | undefined;
    for (let step = 0; step < STEPS_MAX; step += 1) {
      const answer = await this.#ask(url, form);
      form = undefined;
      const location = answer.headers.get('location');
      if (location !== null) {
        url = new URL(location, url).href;
        if (new URL(url).origin !== origin) return url;
        continue;
      }
      const page = await answer.text();
      const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1];
      if (action === undefined) throw new Error(`no form: ${answer.status} ${page.slice(0, 200)}`);
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1] ?? '';
      form = new URLSearchParams({ prompt, login: this.#login, password: 'any' });
      url = new URL(action, url).href;
    }
    throw new Error('the provider sends round and round');
  }

  async #ask(url: string, form: URLSearchParams | undefined): Promise<Response> {
    const { origin } = new URL(url);
    const jar = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, jar);
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...jar].map((pair) => pair.join('=')).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: form }),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  }
}
