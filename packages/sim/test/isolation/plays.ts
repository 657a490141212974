// The anomalies of the engine's table as histories in which they have happened, whatever the level.

const start = `
  s begin serializable
  s w x 0
  s w y 0
  s w z 0
  s w p/1 0
  s commit`;

export const plays: Readonly<Record<string, string>> = {
  'dirty write': `${start}
    a begin LEVEL
    b begin LEVEL
    a w x a
    b w x b
    b w y b
    b commit
    a w y a
    a commit`,
  'dirty read': `${start}
    w begin LEVEL
    r begin LEVEL
    w w x dirty
    r r x dirty
    w rollback
    r commit`,
  'cursor lost update': `${start}
    a begin LEVEL
    b begin LEVEL
    a r x 0
    b r x 0
    a w x a
    a commit
    b w x b
    b commit`,
  'lost update': `${start}
    a begin LEVEL
    b begin LEVEL
    a r x 0
    a r y 0
    b r x 0
    b r y 0
    a w x a
    a commit
    b w x b
    b commit`,
  'non-repeatable read': `${start}
    r begin LEVEL
    w begin LEVEL
    r r x 0
    r r y 0
    w w x new
    w commit
    r r x new
    r commit`,
  phantom: `${start}
    r begin LEVEL
    w begin LEVEL
    r range p/ p/1=0
    w w p/2 new
    w commit
    r range p/ p/1=0 p/2=new
    r commit`,
  'write skew': `${start}
    a begin LEVEL
    b begin LEVEL
    a r x 0
    a r y 0
    b r x 0
    b r y 0
    a w x a
    b w y b
    a commit
    b commit`,
  'range write skew': `${start}
    a begin LEVEL
    b begin LEVEL
    a range p/ p/1=0
    b range p/ p/1=0
    a w p/2 a
    b w p/3 b
    a commit
    b commit`,
  'long fork': `${start}
    o begin LEVEL
    f begin LEVEL
    g begin LEVEL
    o r x 0
    o r z 0
    f w x new
    f commit
    n begin LEVEL
    n r x new
    n r y 0
    n r z 0
    g w y new
    g commit
    o r y new
    n commit
    o commit`,
};
