// Every word that the page says, in each of its languages.

export const LANGUAGES = { en: 'English', zh: '中文' };

const WORDS = {
  en: {
    title: 'Watch a network think',
    network: 'Network',
    language: 'Language',
    loading: 'Loading the network …',
    failed: 'The network could not be started: {reason}',
    errorRate: 'This network is wrong on {error} % of {count} test samples of {data} (95 % interval {low} to {high} %).',
    calibrated: 'Its probabilities are calibrated: of answers given with 80 %, about 80 of 100 are right.',
    uncalibrated: 'Its probabilities were never checked against the share of right answers.',
    notFor: 'A small network for learning and trying: not for decisions about people, money or safety.',
    holds: 'Of its training data this page holds: {what}.',
    holdsNothing: 'nothing but the weights',
    holdsWords: 'the words that occur in it, no text',
    holdsPatches: 'small patches of training pictures',
    licences: 'Licences',
    type: 'Type a text',
    typeHint: 'Type a sentence; the network reads along.',
    saysText: '{label}, with probability {percent} %.',
    wordsThatSpeak: 'The words that decided',
    wordsHint: 'Orange: without this word the answer is less sure. Blue: more sure. Underlined: unknown to the network.',
    unknownWords: '{count} of {total} words are unknown to the network.',
    ngrams: 'The n-grams that fired for it',
    draw: 'Draw a digit',
    drawHint: 'with mouse, finger or pen; with the keyboard: arrow keys move, hold Space to draw',
    clear: 'Clear',
    sees: 'What the network sees',
    answer: 'Answer',
    nothing: 'Draw something.',
    says: 'It is a {label}, with probability {percent} %.',
    saysNone: 'None of these: it is like nothing that the network has learned from. (If it had to choose: {label}, {percent} %.)',
    occlusion: 'Which parts speak for it?',
    occlusionHint: 'Orange: covering this part makes the answer less sure. Blue: more sure.',
    layers: 'What every layer makes of it',
    layer: '{name}: {count} maps of {height} × {width}',
    vector: '{name}: {count} values',
    mapHint: 'Choose a map to see its filter.',
    filter: 'Filter {unit} of {layer}',
    weights: 'Its weights: blue is negative, orange positive',
    weightsOf: 'Its weights on map {channel} of the layer before (the one that adds most here)',
    optimum: 'What it wants to see',
    patch: 'The training patch that excites it most',
    map: 'Its map; choose a cell',
    cell: 'Cell at row {row}, column {column}',
    patchHere: 'What lies under the filter',
    product: 'Patch times filter',
    sumChannels: 'Sums over the {count} maps of the layer before; the largest are shown.',
    arithmetic: 'sum of the products {sum}, plus bias {bias}, makes {before}; ReLU: {after}',
    pooled: 'Pooling keeps the largest of the {count} cells in its group: {value}',
  },
  zh: {
    title: '看网络如何思考',
    network: '网络',
    language: '语言',
    loading: '正在加载网络……',
    failed: '网络无法启动：{reason}',
    errorRate: '该网络在 {data} 的 {count} 个测试样本上的错误率为 {error} %（95 % 置信区间 {low} 至 {high} %）。',
    calibrated: '它的概率经过校准：以 80 % 给出的回答，约有 80 % 是对的。',
    uncalibrated: '它的概率从未与正确率核对过。',
    notFor: '这是一个用于学习和试验的小网络，不可用于涉及人身、钱财或安全的决定。',
    holds: '本页所含的训练数据：{what}。',
    holdsNothing: '除权重外没有',
    holdsWords: '其中出现的词，不含原文',
    holdsPatches: '训练图片的小块',
    licences: '许可证',
    type: '输入一段文字',
    typeHint: '请输入一个句子，网络会边读边答。',
    saysText: '{label}，概率 {percent} %。',
    wordsThatSpeak: '起决定作用的词',
    wordsHint: '橙色：没有这个词，回答会更不确定；蓝色：更确定；下划线：网络不认识的词。',
    unknownWords: '{total} 个词中有 {count} 个是网络不认识的。',
    ngrams: '支持该回答的 n 元词组',
    draw: '写一个数字',
    drawHint: '用鼠标、手指或笔；用键盘：方向键移动，按住空格键书写',
    clear: '清除',
    sees: '网络看到的图像',
    answer: '回答',
    nothing: '请写点什么。',
    says: '这是 {label}，概率 {percent} %。',
    saysNone: '都不是：它与网络学过的样本都不相像。（若必须选择：{label}，{percent} %。）',
    occlusion: '哪些部分支持这个回答？',
    occlusionHint: '橙色：遮住此处会使回答更不确定；蓝色：更确定。',
    layers: '每一层的输出',
    layer: '{name}：{count} 个 {height} × {width} 的特征图',
    vector: '{name}：{count} 个值',
    mapHint: '选择一个特征图，查看它的滤波器。',
    filter: '{layer} 的第 {unit} 个滤波器',
    weights: '它的权重：蓝色为负，橙色为正',
    weightsOf: '它在上一层第 {channel} 个特征图上的权重（此处贡献最大者）',
    optimum: '它最想看到的图像',
    patch: '最能激活它的训练图块',
    map: '它的特征图；选择一个格子',
    cell: '第 {row} 行、第 {column} 列的格子',
    patchHere: '滤波器下方的图块',
    product: '图块乘以滤波器',
    sumChannels: '对上一层的 {count} 个特征图求和；此处显示最大的几个。',
    arithmetic: '乘积之和 {sum}，加上偏置 {bias}，得 {before}；ReLU：{after}',
    pooled: '池化保留组内 {count} 个格子中的最大值：{value}',
  },
};

let code = 'en';

export function setLanguage(wanted) {
  code = String(wanted).toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function language() {
  return code;
}

export function say(key, values = {}) {
  return WORDS[code][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const TABLE = WORDS; // for the test that every language has every word
