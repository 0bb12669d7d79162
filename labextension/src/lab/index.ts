/** What JupyterLab and Jupyter Notebook load: the renderer of live runs. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { Connection } from '../core/client.js';
import { rendererFactory } from './renderer.js';
import { labTransport } from './transport.js';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'flytenb:plugin',
  description: 'Shows Flyte runs live',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  activate: (app: JupyterFrontEnd, rendermime: IRenderMimeRegistry) => {
    let connection: Connection | null = null;
    const services = {
      connection: () => (connection ??= new Connection(labTransport(app.serviceManager.serverSettings))),
      hostOf: () => ({})
    };
    rendermime.addFactory(rendererFactory(services), 10);
  }
};

export default plugin;
