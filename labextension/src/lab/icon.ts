import { LabIcon } from '@jupyterlab/ui-components';

/** A run that fans out: the sign of all our commands and of the sidebar. */
export const icon = new LabIcon({
  name: 'flytenb:runs',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g class="jp-icon3" fill="#616161">' +
    '<circle cx="5" cy="12" r="3"/><circle cx="19" cy="5" r="3"/><circle cx="19" cy="12" r="3"/>' +
    '<circle cx="19" cy="19" r="3"/><path d="M7 11l10-6 .8 1.4-9 5.4zM8 11.2h9v1.6H8zM8.800 12.200l9 5.400L17 19 7 13z"/>' +
    '</g></svg>'
});
