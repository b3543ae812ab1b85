import { render } from 'preact';
import { begin } from './catalogue';
import './styles/base.css';
import './styles/top.css';
import './styles/panels.css';
import './styles/images.css';
import './styles/uploads.css';
import './styles/dialogs.css';
import './styles/about.css';
import './styles/small.css';
import './theme';
import { App } from './ui/app';

const place = document.getElementById('app');
if (place) {
  begin();
  render(<App />, place);
}
