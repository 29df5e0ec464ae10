import { describe, expect, it } from 'vitest';

import { Router } from './router.ts';

function router(): Router<string> {
  const made = new Router<string>();
  made.add('GET', '/w/{workspace_id}/secrets', 'list');
  made.add('POST', '/w/{workspace_id}/secrets', 'create');
  made.add('GET', '/w/{workspace_id}/secrets/statistics', 'statistics');
  made.add('GET', '/w/{workspace_id}/secrets/{secret_id}', 'describe');
  made.add('GET', '/w/{workspace_id}/secrets/{secret_id}/value', 'value');
  made.add('GET', '/w/{workspace_id}/secrets/by-name/{environment}/{path+}', 'by name');
  made.add('GET', '/w/{workspace_id}/secrets/by-name/{environment}/{path+}:value', 'value by name');
  made.add(
    'POST',
    '/w/{workspace_id}/secrets/by-name/{environment}/{path+}:rotate',
    'rotate by name',
  );
  return made;
}

const found = (method: string, path: string): unknown => {
  const { match, allowed } = router().find(method, path.slice(1).split('/'));
  return match === undefined ? allowed : [match.route, match.params];
};

describe('the router', () => {
  it('finds fixed words before ids', () => {
    expect(found('GET', '/w/d/secrets/statistics')).toEqual(['statistics', { workspace_id: 'd' }]);
    expect(found('GET', '/w/d/secrets/x')).toEqual([
      'describe',
      { workspace_id: 'd', secret_id: 'x' },
    ]);
    expect(found('GET', '/w/d/secrets/x/value')).toEqual([
      'value',
      { workspace_id: 'd', secret_id: 'x' },
    ]);
  });

  it('takes all that follows, and a verb behind it', () => {
    const params = { workspace_id: 'd', environment: 'p', path: 'a/b/value' };
    expect(found('GET', '/w/d/secrets/by-name/p/a/b/value')).toEqual(['by name', params]);
    expect(found('GET', '/w/d/secrets/by-name/p/a/b/value:value')).toEqual([
      'value by name',
      params,
    ]);
    expect(found('POST', '/w/d/secrets/by-name/p/a:rotate')).toEqual([
      'rotate by name',
      { workspace_id: 'd', environment: 'p', path: 'a' },
    ]);
  });

  it('says which methods an address has, and nothing of what is no address', () => {
    expect(found('PUT', '/w/d/secrets')).toEqual(['GET', 'POST']);
    expect(found('GET', '/w/d/secrets/by-name/p/a:rotate')).toEqual(['POST']);
    expect(found('GET', '/w/d/secrets/by-name/p/a:other')).toEqual([]);
    expect(found('GET', '/w/d/secrets/x/value/more')).toEqual([]);
    expect(found('GET', '/w')).toEqual([]);
  });

  it('takes no method for one that it merely resembles', () => {
    expect(found('get', '/w/d/secrets')).toEqual(['GET', 'POST']);
    expect(found('constructor', '/w/d/secrets')).toEqual(['GET', 'POST']);
  });

  it('refuses two routes at one address', () => {
    expect(() => router().add('GET', '/w/{workspace_id}/secrets', 'again')).toThrow(TypeError);
  });

  it('calls parameters what each route calls them', () => {
    const made = router();
    made.add('GET', '/w/{id}/more', 'other');
    expect(made.find('GET', ['w', 'd', 'more']).match?.params).toEqual({ id: 'd' });
    expect(made.find('GET', ['w', 'd', 'secrets']).match?.params).toEqual({ workspace_id: 'd' });
  });
});
