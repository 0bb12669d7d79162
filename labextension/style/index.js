import './tokens.css';
import './run.css';
import './side.css';
