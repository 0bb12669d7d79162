import './tokens.css';
import './run.css';
import './more.css';
import './side.css';
import './lab.css';
