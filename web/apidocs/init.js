'use strict';
// A file of its own: the page's policy allows no script inside HTML.
window.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  // Nothing is sent to validators elsewhere.
  validatorUrl: null,
});
