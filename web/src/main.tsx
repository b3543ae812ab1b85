import { render } from 'preact';
import { begin } from './catalogue';
import './styles.css';
import './theme';
import { App } from './ui/app';

const place = document.getElementById('app');
if (place) {
  begin();
  render(<App />, place);
}
