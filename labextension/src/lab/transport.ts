/** Reaches the engine through the Jupyter server, with its token or cookie. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { Transport } from '../core/transport.js';

/** Where the server extension answers, below the server's base. */
export const NAMESPACE = 'flytenb';

export function labTransport(settings: ServerConnection.ISettings): Transport {
  return {
    request: (method, path, query, body) => {
      const url = URLExt.join(settings.baseUrl, NAMESPACE, path) + URLExt.objectToQueryString({ ...query });
      return ServerConnection.makeRequest(url, { method, ...(body === undefined ? {} : { body }) }, settings);
    },
    socket: () => {
      const url = URLExt.join(settings.wsUrl, NAMESPACE, 'api/v1/ws');
      const token = settings.appendToken && settings.token ? `?token=${encodeURIComponent(settings.token)}` : '';
      return new settings.WebSocket(url + token);
    }
  };
}
